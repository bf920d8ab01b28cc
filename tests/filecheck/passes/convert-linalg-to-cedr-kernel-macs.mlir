// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A convolution planned as CPU work is a kernel that counts its multiply-accumulates.

func.func @main(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<1x4x8x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %y = linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<kernel, [0, 2, 0, 0, 0, 0, 0]>, dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x3x10x10xf32>, tensor<4x3x3x3xf32>) outs(%z : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  func.return %y : tensor<1x4x8x8xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<1x4x8x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x4x8x8xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_conv [2 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0, 0][1, 3, 10, 10] : tensor<1x3x10x10xf32>,
// CHECK-NEXT:            %i1 = %w[d0 * 2, 0, 0, 0][2, 3, 3, 3] : tensor<4x3x3x3xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, d0 * 2, 0, 0][1, 2, 8, 8] : tensor<1x4x8x8xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_conv_k [2, 8, 8, 3, 3, 3] maps [(0, d3, d1 + d4, d2 + d5), (d0, d3, d4, d5), (0, d0, d1, d2)] init [0.000000e+00 : f32] macs 3456 ins(%i0, %i1) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32, %4: f32):
// CHECK-NEXT:        %5 = arith.mulf %2, %3 : f32
// CHECK-NEXT:        %6 = arith.addf %5, %4 : f32
// CHECK-NEXT:        cedr.yield %6 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<1x4x8x8xf32>
// CHECK-NEXT:  }
