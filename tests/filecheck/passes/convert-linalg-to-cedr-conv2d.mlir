// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Tiles of channels and rows; the window of the input has the rows that the filter reaches.

func.func @main(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<1x4x8x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %y = linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<conv2d, [0, 2, 4, 0, 0, 0, 0]>, dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x3x10x10xf32>, tensor<4x3x3x3xf32>) outs(%z : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  func.return %y : tensor<1x4x8x8xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x4x8x8xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_conv [2 parallel, 2 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, 0, d1 * 4, 0][1, 3, 6, 10] : tensor<1x3x10x10xf32>,
// CHECK-NEXT:            %i1 = %w[d0 * 2, 0, 0, 0][2, 3, 3, 3] : tensor<4x3x3x3xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, d0 * 2, d1 * 4, 0][1, 2, 4, 8] : tensor<1x4x8x8xf32>) {
// CHECK-NEXT:      cedr.conv2d ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<1x4x8x8xf32>
// CHECK-NEXT:  }
