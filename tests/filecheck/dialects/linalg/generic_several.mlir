// RUN: cedr-opt %s | cedr-opt | filecheck %s

// A generic of two results: the running sum along a dimension, and the whole sum.

func.func @sums(%x: tensor<4x5xf32>, %a: tensor<4x5xf32>, %b: tensor<4xf32>) -> (tensor<4x5xf32>, tensor<4xf32>) {
  %s, %t = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x5xf32>) outs(%a, %b : tensor<4x5xf32>, tensor<4xf32>) {
  ^bb0(%u: f32, %v: f32, %w: f32):
    %y = arith.addf %u, %w : f32
    linalg.yield %y, %y : f32, f32
  } -> (tensor<4x5xf32>, tensor<4xf32>)
  func.return %s, %t : tensor<4x5xf32>, tensor<4xf32>
}

// CHECK:       %s, %t = linalg.generic
// CHECK-SAME:  outs(%a, %b : tensor<4x5xf32>, tensor<4xf32>) {
// CHECK-NEXT:    ^bb0(%u: f32, %v: f32, %w: f32):
// CHECK-NEXT:      %y = arith.addf %u, %w : f32
// CHECK-NEXT:      linalg.yield %y, %y : f32, f32
// CHECK-NEXT:    } -> (tensor<4x5xf32>, tensor<4xf32>)
