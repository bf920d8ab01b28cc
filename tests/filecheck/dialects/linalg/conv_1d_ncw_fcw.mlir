// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x : tensor<1x3x17xf32>, %w : tensor<4x3x5xf32>, %y : tensor<1x4x7xf32>) -> tensor<1x4x7xf32> {
  // CHECK: linalg.conv_1d_ncw_fcw {{{.*}}} ins(%x, %w : tensor<1x3x17xf32>, tensor<4x3x5xf32>) outs(%y : tensor<1x4x7xf32>) -> tensor<1x4x7xf32>
  %0 = linalg.conv_1d_ncw_fcw {dilations = dense<1> : tensor<1xi64>, strides = dense<2> : tensor<1xi64>} ins(%x, %w : tensor<1x3x17xf32>, tensor<4x3x5xf32>) outs(%y : tensor<1x4x7xf32>) -> tensor<1x4x7xf32>
  func.return %0 : tensor<1x4x7xf32>
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%x : memref<1x3x17xf32>, %w : memref<4x3x5xf32>, %y : memref<1x4x9xf32>) {
  // CHECK: linalg.conv_1d_ncw_fcw {{{.*}}} ins(%x, %w : memref<1x3x17xf32>, memref<4x3x5xf32>) outs(%y : memref<1x4x9xf32>)
  linalg.conv_1d_ncw_fcw {dilations = dense<2> : tensor<1xi64>, strides = dense<1> : tensor<1xi64>} ins(%x, %w : memref<1x3x17xf32>, memref<4x3x5xf32>) outs(%y : memref<1x4x9xf32>)
  func.return
}
