// RUN: cedr-opt %s --weights %S/Inputs/small.safetensors -p 'fold-constants' | filecheck %s

// Of a chain over vectors (batch norm's scale) only the end is kept, named after its largest and first weight.

#vector = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %gamma = cedr.weight @bn.gamma : tensor<2xf32>
  %var = cedr.weight @bn.var : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %root = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]}
      ins(%var : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = math.rsqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  %scale = linalg.generic {indexing_maps = [#vector, #vector, #vector], iterator_types = ["parallel"]}
      ins(%gamma, %root : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  %y = linalg.mul ins(%x, %scale : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// CHECK:      func.func @main
// CHECK-NEXT: %e = tensor.empty()
// CHECK-NEXT: %scale = cedr.weight @bn.gamma.{{[0-9a-f]+}} : tensor<2xf32>
// CHECK-NEXT: linalg.mul ins(%x, %scale :
