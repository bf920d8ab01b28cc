// RUN: cedr-opt %s --weights %S/Inputs/small.safetensors -p 'fold-batch-norm' | filecheck %s
// RUN: not cedr-opt %s -p 'fold-batch-norm' 2>&1 | filecheck %s --check-prefix=NO-WEIGHTS

// Columns of a product are its channels. A bias behind the last scale stays: fusion takes care of it.

#matrix = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
func.func @main(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = cedr.weight @square : tensor<2x2xf32>
  %scale = cedr.weight @scale : tensor<2xf32>
  %shift = cedr.weight @shift : tensor<2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %zero = arith.constant dense<0.0> : tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%zero : tensor<2x2xf32>) -> tensor<2x2xf32>
  %s = linalg.generic {indexing_maps = [#matrix, #column, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%y, %scale : tensor<2x2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%v: f32, %a: f32, %o: f32):
    %0 = arith.constant 4.0 : f32
    %1 = arith.divf %v, %0 : f32
    %2 = arith.mulf %a, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2x2xf32>
  %b = linalg.generic {indexing_maps = [#matrix, #column, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%s, %shift : tensor<2x2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%v: f32, %a: f32, %o: f32):
    %0 = arith.addf %v, %a : f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  func.return %b : tensor<2x2xf32>
}

// CHECK: %[[W:.*]] = cedr.weight @square.{{[0-9a-f]+}} : tensor<2x2xf32>
// CHECK-NEXT: %[[B:.*]] = cedr.weight @square.bias.{{[0-9a-f]+}} : tensor<2xf32>
// CHECK-NEXT: %y = linalg.matmul ins(%x, %[[W]] :
// CHECK-NEXT: %s = linalg.generic {{.*}} ins(%y, %[[B]] :
// CHECK: %b = linalg.generic {{.*}} ins(%s, %shift :

// NO-WEIGHTS: fold-batch-norm: needs the weights' bytes, which were not given; use --weights FILE.safetensors; to be folded:
// NO-WEIGHTS-NEXT: 'linalg.matmul' is followed by a scale
