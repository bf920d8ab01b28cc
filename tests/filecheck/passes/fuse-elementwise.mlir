// RUN: cedr-opt %s -p 'fuse-elementwise,dce' | filecheck %s

// Bias and activation in one generic; the constant of the fill stands in its region, and the product comes first.

#matrix = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>, %bias: tensor<4xf32>) -> tensor<2x4xf32> {
  %e = tensor.empty() : tensor<2x4xf32>
  %c = arith.constant 0.0 : f32
  %zero = linalg.fill ins(%c : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x3xf32>, tensor<3x4xf32>) outs(%zero : tensor<2x4xf32>) -> tensor<2x4xf32>
  %b = linalg.generic {indexing_maps = [#column, #matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%bias, %y : tensor<4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%v: f32, %a: f32, %o: f32):
    %0 = arith.addf %v, %a : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  %r = linalg.generic {indexing_maps = [#matrix, #matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%b, %zero : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%v: f32, %a: f32, %o: f32):
    %0 = arith.maximumf %v, %a : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  func.return %r : tensor<2x4xf32>
}

// CHECK:      %y = linalg.matmul
// CHECK-NEXT: %r = linalg.generic {{.*}}affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, {{.*}} ins(%y, %bias : tensor<2x4xf32>, tensor<4xf32>)
// CHECK-NEXT: ^bb0(%[[Y:.*]]: f32, %[[B:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[C:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[B]], %[[Y]] : f32
// CHECK-NEXT: %[[M:.*]] = arith.maximumf %[[S]], %[[C]] : f32
// CHECK-NEXT: linalg.yield %[[M]] : f32
// CHECK-NEXT: } -> tensor<2x4xf32>
// CHECK-NEXT: func.return %r
