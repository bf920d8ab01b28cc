// RUN: cedr-opt %s -p linalg-generalize-named-ops | filecheck %s

// The loops that the named ops stand for, strides and dilations in the maps.

// CHECK-LABEL: func.func @conv
// CHECK: indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, ((d2 * 2) + (d4 * 3)))>, affine_map<(d0, d1, d2, d3, d4) -> (d1, d3, d4)>, affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2)>]
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]
// CHECK: %[[P:.*]] = arith.mulf
// CHECK: arith.addf %[[P]], %{{.*}}
func.func @conv(%x : tensor<1x3x19xf32>, %w : tensor<4x3x3xf32>, %y : tensor<1x4x7xf32>) -> tensor<1x4x7xf32> {
  %0 = linalg.conv_1d_ncw_fcw {dilations = dense<3> : tensor<1xi64>, strides = dense<2> : tensor<1xi64>} ins(%x, %w : tensor<1x3x19xf32>, tensor<4x3x3xf32>) outs(%y : tensor<1x4x7xf32>) -> tensor<1x4x7xf32>
  func.return %0 : tensor<1x4x7xf32>
}

// CHECK-LABEL: func.func @pool
// CHECK: indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, ((d2 * 4) + d3))>, affine_map<(d0, d1, d2, d3) -> (d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>]
// CHECK: arith.addf
func.func @pool(%x : tensor<2x3x16xf32>, %k : tensor<4xf32>, %y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %0 = linalg.pooling_ncw_sum {dilations = dense<1> : tensor<1xi64>, strides = dense<4> : tensor<1xi64>} ins(%x, %k : tensor<2x3x16xf32>, tensor<4xf32>) outs(%y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return %0 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @product
// CHECK: indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>]
func.func @product(%a : tensor<2x3x4xf32>, %b : tensor<2x4x5xf32>, %c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32> {
  %0 = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  func.return %0 : tensor<2x3x5xf32>
}
