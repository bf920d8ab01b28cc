// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A pool is a kernel whose init is the fill; the window operand is never read.

func.func @main(%x: tensor<1x4x8x8xf32>) -> tensor<1x4x4x4xf32> {
  %zc = arith.constant 0xff800000 : f32
  %ze = tensor.empty() : tensor<1x4x4x4xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %k = tensor.empty() : tensor<2x2xf32>
  %y = linalg.pooling_nchw_max {cedr.plan = #cedr.plan<kernel, [0, 2, 0, 0, 0, 0]>, dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
      ins(%x, %k : tensor<1x4x8x8xf32>, tensor<2x2xf32>) outs(%z : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  func.return %y : tensor<1x4x4x4xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x4x8x8xf32>) -> tensor<1x4x4x4xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x4x4x4xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_pool [2 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, d0 * 2, 0, 0][1, 2, 8, 8] : tensor<1x4x8x8xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, d0 * 2, 0, 0][1, 2, 4, 4] : tensor<1x4x4x4xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_pool_k [2, 4, 4, 2, 2] maps [(0, d0, d1 * 2 + d3, d2 * 2 + d4), (0, d0, d1, d2)] init [0xff800000 : f32] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = arith.maximumf %3, %2 : f32
// CHECK-NEXT:        cedr.yield %4 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<1x4x4x4xf32>
// CHECK-NEXT:  }
