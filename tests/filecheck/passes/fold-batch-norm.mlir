// RUN: cedr-opt %s --weights %S/Inputs/small.safetensors -p 'fold-batch-norm' | filecheck %s

// A bias, then a scale and a shift with the operands in another order, all of it in two generics: one filter, one bias.

#image = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1)>
func.func @main(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = cedr.weight @conv.weight : tensor<2x1x1x1xf32>
  %bias = cedr.weight @conv.bias : tensor<2xf32>
  %scale = cedr.weight @scale : tensor<2xf32>
  %shift = cedr.weight @shift : tensor<2xf32>
  %e = tensor.empty() : tensor<1x2x4x4xf32>
  %c = arith.constant 0.0 : f32
  %zero = linalg.fill ins(%c : f32) outs(%e : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %y = linalg.conv_2d_nchw_fchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) outs(%zero : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %biased = linalg.generic {indexing_maps = [#channel, #image, #image], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%bias, %y : tensor<2xf32>, tensor<1x2x4x4xf32>) outs(%e : tensor<1x2x4x4xf32>) {
  ^bb0(%b: f32, %v: f32, %o: f32):
    %0 = arith.addf %b, %v : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x4x4xf32>
  %normal = linalg.generic {indexing_maps = [#channel, #image, #channel, #image], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%shift, %biased, %scale : tensor<2xf32>, tensor<1x2x4x4xf32>, tensor<2xf32>) outs(%e : tensor<1x2x4x4xf32>) {
  ^bb0(%s: f32, %v: f32, %a: f32, %o: f32):
    %0 = arith.mulf %a, %v : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x2x4x4xf32>
  func.return %normal : tensor<1x2x4x4xf32>
}

// The filter is [1, 2] * [2, 3] = [2, 6], the bias [1, 2] * [2, 3] + [10, 20] = [12, 26].
// CHECK:      func.func @main
// CHECK-NEXT: tensor.empty()
// CHECK-NEXT: arith.constant
// CHECK-NEXT: linalg.fill
// CHECK-NEXT: %[[W:.*]] = cedr.weight @conv.weight.{{[0-9a-f]+}} : tensor<2x1x1x1xf32>
// CHECK-NEXT: %[[B:.*]] = cedr.weight @conv.bias.{{[0-9a-f]+}} : tensor<2xf32>
// CHECK-NEXT: %y = linalg.conv_2d_nchw_fchw {{.*}} ins(%x, %[[W]] :
// CHECK-NEXT: %normal = linalg.generic {{.*}} ins(%y, %[[B]] : tensor<1x2x4x4xf32>, tensor<2xf32>)
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %[[C:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[V]], %[[C]] : f32
// CHECK-NEXT: linalg.yield %[[S]] : f32
// CHECK:      func.return %normal
