// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// An init that is not zero is written first, and every step accumulates onto it.

func.func @main(%a: tensor<4x6xf32>, %b: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zc = arith.constant 1.5 : f32
  %ze = tensor.empty() : tensor<4x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul {cedr.plan = #cedr.plan<gemm, [0, 4, 0], {slots = 2 : i64}>} ins(%a, %b : tensor<4x6xf32>, tensor<6x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @main(%a: tensor<4x6xf32>, %b: tensor<6x8xf32>) -> tensor<4x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x8xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_gemm_init []
// CHECK-NEXT:        outs(%o0 = %0[0, 0][4, 8] : tensor<4x8xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_gemm_init_k [4, 8] maps [(d0, d1)] ins() outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32):
// CHECK-NEXT:        %3 = arith.constant 1.500000e+00 : f32
// CHECK-NEXT:        cedr.yield %3 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = cedr.grid @l0_gemm [2 parallel]
// CHECK-NEXT:        ins(%i0 = %a[0, 0][4, 6] : tensor<4x6xf32>,
// CHECK-NEXT:            %i1 = %b[0, d0 * 4][6, 4] : tensor<6x8xf32>)
// CHECK-NEXT:        outs(%o0 = %1[0, d0 * 4][4, 4] : tensor<4x8xf32>)
// CHECK-NEXT:        scratch(%t0 : tensor<4x4xf32>) attributes {cedr.slots = 2 : i64} {
// CHECK-NEXT:      cedr.gemm ins(%i0, %i1) outs(%t0)
// CHECK-NEXT:      cedr.zip add ins(%t0, %o0) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %2 : tensor<4x8xf32>
// CHECK-NEXT:  }
