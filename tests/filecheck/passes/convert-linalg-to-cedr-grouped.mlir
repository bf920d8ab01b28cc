// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Groups and channels are seen as one dimension; a tile holds one group.

func.func @main(%x: tensor<1x4x1x6x6xf32>, %w: tensor<4x1x1x3x3xf32>) -> tensor<1x4x1x4x4xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<1x4x1x4x4xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x4x1x4x4xf32>) -> tensor<1x4x1x4x4xf32>
  %y = linalg.conv_2d_ngchw_gfchw {cedr.plan = #cedr.plan<conv2d, [0, 0, 0, 0, 0, 0, 0, 0]>, dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x4x1x6x6xf32>, tensor<4x1x1x3x3xf32>) outs(%z : tensor<1x4x1x4x4xf32>) -> tensor<1x4x1x4x4xf32>
  func.return %y : tensor<1x4x1x4x4xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x4x1x6x6xf32>, %w: tensor<4x1x1x3x3xf32>) -> tensor<1x4x1x4x4xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x4x1x4x4xf32>
// CHECK-NEXT:    %1 = cedr.view %0 : tensor<1x4x1x4x4xf32> to tensor<1x4x4x4xf32>
// CHECK-NEXT:    %2 = cedr.view %x : tensor<1x4x1x6x6xf32> to tensor<1x4x6x6xf32>
// CHECK-NEXT:    %3 = cedr.view %w : tensor<4x1x1x3x3xf32> to tensor<4x1x3x3xf32>
// CHECK-NEXT:    %4 = cedr.grid @l0_conv [4 parallel]
// CHECK-NEXT:        ins(%i0 = %2[0, d0, 0, 0][1, 1, 6, 6] : tensor<1x4x6x6xf32>,
// CHECK-NEXT:            %i1 = %3[d0, 0, 0, 0][1, 1, 3, 3] : tensor<4x1x3x3xf32>)
// CHECK-NEXT:        outs(%o0 = %1[0, d0, 0, 0][1, 1, 4, 4] : tensor<1x4x4x4xf32>) {
// CHECK-NEXT:      cedr.conv2d ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %5 = cedr.view %4 : tensor<1x4x4x4xf32> to tensor<1x4x1x4x4xf32>
// CHECK-NEXT:    func.return %5 : tensor<1x4x1x4x4xf32>
// CHECK-NEXT:  }
