// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Strides and dilations widen the input's window.

func.func @main(%x: tensor<1x2x13x12xf32>, %w: tensor<3x2x3x2xf32>) -> tensor<1x3x6x8xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<1x3x6x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x3x6x8xf32>) -> tensor<1x3x6x8xf32>
  %y = linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<conv2d, [0, 0, 3, 0, 0, 0, 0]>, dilations = dense<[1, 4]> : tensor<2xi64>, strides = dense<[2, 1]> : tensor<2xi64>}
      ins(%x, %w : tensor<1x2x13x12xf32>, tensor<3x2x3x2xf32>) outs(%z : tensor<1x3x6x8xf32>) -> tensor<1x3x6x8xf32>
  func.return %y : tensor<1x3x6x8xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x2x13x12xf32>, %w: tensor<3x2x3x2xf32>) -> tensor<1x3x6x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x3x6x8xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_conv [2 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, 0, d0 * 6, 0][1, 2, 7, 12] : tensor<1x2x13x12xf32>,
// CHECK-NEXT:            %i1 = %w[0, 0, 0, 0][3, 2, 3, 2] : tensor<3x2x3x2xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, 0, d0 * 3, 0][1, 3, 3, 8] : tensor<1x3x6x8xf32>) {
// CHECK-NEXT:      cedr.conv2d strides [2, 1] dilations [1, 4] ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<1x3x6x8xf32>
// CHECK-NEXT:  }
