// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// One spatial dimension.

func.func @main(%x: tensor<1x4x20xf32>, %w: tensor<6x4x3xf32>) -> tensor<1x6x9xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<1x6x9xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x6x9xf32>) -> tensor<1x6x9xf32>
  %y = linalg.conv_1d_ncw_fcw {cedr.plan = #cedr.plan<conv1d, [0, 3, 0, 0, 0]>, dilations = dense<1> : tensor<1xi64>, strides = dense<2> : tensor<1xi64>}
      ins(%x, %w : tensor<1x4x20xf32>, tensor<6x4x3xf32>) outs(%z : tensor<1x6x9xf32>) -> tensor<1x6x9xf32>
  func.return %y : tensor<1x6x9xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x4x20xf32>, %w: tensor<6x4x3xf32>) -> tensor<1x6x9xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x6x9xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_conv [2 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0][1, 4, 19] : tensor<1x4x20xf32>,
// CHECK-NEXT:            %i1 = %w[d0 * 3, 0, 0][3, 4, 3] : tensor<6x4x3xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, d0 * 3, 0][1, 3, 9] : tensor<1x6x9xf32>) {
// CHECK-NEXT:      cedr.conv1d strides [2] ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<1x6x9xf32>
// CHECK-NEXT:  }
