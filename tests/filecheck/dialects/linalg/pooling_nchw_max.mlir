// RUN: cedr-opt %s -p linalg-generalize-named-ops | filecheck %s

// The body takes the maximum of the input's element and the output's, as MLIR's does; the window's element is not read.

// CHECK:      ^bb0(%[[IN:.*]]: f32, %[[WINDOW:.*]]: f32, %[[OUT:.*]]: f32):
// CHECK-NEXT:   %[[MAX:.*]] = arith.maximumf %[[OUT]], %[[IN]] : f32
// CHECK-NEXT:   linalg.yield %[[MAX]] : f32
func.func @f(%x : tensor<2x3x8x8xf32>, %k : tensor<2x2xf32>, %y : tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32> {
  %0 = linalg.pooling_nchw_max {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>} ins(%x, %k : tensor<2x3x8x8xf32>, tensor<2x2xf32>) outs(%y : tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32>
  func.return %0 : tensor<2x3x4x4xf32>
}
