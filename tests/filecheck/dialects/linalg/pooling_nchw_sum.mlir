// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x : tensor<2x3x9x8xf32>, %k : tensor<3x2xf32>, %y : tensor<2x3x3x4xf32>) -> tensor<2x3x3x4xf32> {
  // CHECK: linalg.pooling_nchw_sum {{{.*}}} ins(%x, %k : tensor<2x3x9x8xf32>, tensor<3x2xf32>) outs(%y : tensor<2x3x3x4xf32>) -> tensor<2x3x3x4xf32>
  %0 = linalg.pooling_nchw_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<[3, 2]> : tensor<2xi64>} ins(%x, %k : tensor<2x3x9x8xf32>, tensor<3x2xf32>) outs(%y : tensor<2x3x3x4xf32>) -> tensor<2x3x3x4xf32>
  func.return %0 : tensor<2x3x3x4xf32>
}
