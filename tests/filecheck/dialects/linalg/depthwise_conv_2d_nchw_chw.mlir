// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK: linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 1]> : vector<2xi64>} ins(%x, %w : tensor<1x4x9x8xf32>, tensor<4x3x3xf32>) outs(%y : tensor<1x4x4x6xf32>) -> tensor<1x4x4x6xf32>
%x, %w, %y = "test.op"() : () -> (tensor<1x4x9x8xf32>, tensor<4x3x3xf32>, tensor<1x4x4x6xf32>)
%r = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 1]> : vector<2xi64>} ins(%x, %w : tensor<1x4x9x8xf32>, tensor<4x3x3xf32>) outs(%y : tensor<1x4x4x6xf32>) -> tensor<1x4x4x6xf32>
