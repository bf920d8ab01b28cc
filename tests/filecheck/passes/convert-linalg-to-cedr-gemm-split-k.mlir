// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A cut inner dimension: the first step writes, the others and the remainder accumulate.

func.func @main(%a: tensor<4x6xf32>, %b: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<4x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul {cedr.plan = #cedr.plan<gemm, [0, 0, 2], {slots = 2 : i64}>} ins(%a, %b : tensor<4x6xf32>, tensor<6x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @main(%a: tensor<4x6xf32>, %b: tensor<6x8xf32>) -> tensor<4x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x8xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_gemm_first []
// CHECK-NEXT:        ins(%i0 = %a[0, 0][4, 2] : tensor<4x6xf32>,
// CHECK-NEXT:            %i1 = %b[0, 0][2, 8] : tensor<6x8xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, 0][4, 8] : tensor<4x8xf32>) {
// CHECK-NEXT:      cedr.gemm ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = cedr.grid @l0_gemm [2 reduction]
// CHECK-NEXT:        ins(%i0 = %a[0, d0 * 2 + 2][4, 2] : tensor<4x6xf32>,
// CHECK-NEXT:            %i1 = %b[d0 * 2 + 2, 0][2, 8] : tensor<6x8xf32>)
// CHECK-NEXT:        outs(%o0 = %1[0, 0][4, 8] : tensor<4x8xf32>)
// CHECK-NEXT:        scratch(%t0 : tensor<4x8xf32>) attributes {cedr.slots = 2 : i64} {
// CHECK-NEXT:      cedr.gemm ins(%i0, %i1) outs(%t0)
// CHECK-NEXT:      cedr.zip add ins(%t0, %o0) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %2 : tensor<4x8xf32>
// CHECK-NEXT:  }
