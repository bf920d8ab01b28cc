// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A tile of a product takes whole rows of A and columns of B.

func.func @main(%a: tensor<4x6xf32>, %b: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<4x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul {cedr.plan = #cedr.plan<gemm, [2, 4, 0]>} ins(%a, %b : tensor<4x6xf32>, tensor<6x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @main(%a: tensor<4x6xf32>, %b: tensor<6x8xf32>) -> tensor<4x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x8xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_gemm [2 parallel, 2 parallel]
// CHECK-NEXT:        ins(%i0 = %a[d0 * 2, 0][2, 6] : tensor<4x6xf32>,
// CHECK-NEXT:            %i1 = %b[0, d1 * 4][6, 4] : tensor<6x8xf32>)
// CHECK-NEXT:        outs(%o0 = %0[d0 * 2, d1 * 4][2, 4] : tensor<4x8xf32>) {
// CHECK-NEXT:      cedr.gemm ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<4x8xf32>
// CHECK-NEXT:  }
