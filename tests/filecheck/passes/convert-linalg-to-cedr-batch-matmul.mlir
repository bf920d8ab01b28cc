// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Batches are rows of one matrix; a tile holds one batch.

func.func @main(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>) -> tensor<2x3x5xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<2x3x5xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %y = linalg.batch_matmul {cedr.plan = #cedr.plan<gemm, [0, 0, 0, 0]>} ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%z : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  func.return %y : tensor<2x3x5xf32>
}

// CHECK-LABEL: func.func @main(%a: tensor<2x3x4xf32>, %b: tensor<2x4x5xf32>) -> tensor<2x3x5xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<2x3x5xf32>
// CHECK-NEXT:    %1 = cedr.view %0 : tensor<2x3x5xf32> to tensor<6x5xf32>
// CHECK-NEXT:    %2 = cedr.view %a : tensor<2x3x4xf32> to tensor<6x4xf32>
// CHECK-NEXT:    %3 = cedr.view %b : tensor<2x4x5xf32> to tensor<8x5xf32>
// CHECK-NEXT:    %4 = cedr.grid @l0_gemm [2 parallel]
// CHECK-NEXT:        ins(%i0 = %2[d0 * 3, 0][3, 4] : tensor<6x4xf32>,
// CHECK-NEXT:            %i1 = %3[d0 * 4, 0][4, 5] : tensor<8x5xf32>)
// CHECK-NEXT:        outs(%o0 = %1[d0 * 3, 0][3, 5] : tensor<6x5xf32>) {
// CHECK-NEXT:      cedr.gemm ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %5 = cedr.view %4 : tensor<6x5xf32> to tensor<2x3x5xf32>
// CHECK-NEXT:    func.return %5 : tensor<2x3x5xf32>
// CHECK-NEXT:  }

// The second factor of each product transposed.

func.func @transposed(%a: tensor<2x3x4xf32>, %b: tensor<2x5x4xf32>) -> tensor<2x3x5xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<2x3x5xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %y = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      {cedr.plan = #cedr.plan<gemm, [0, 2, 0, 0]>} ins(%a, %b : tensor<2x3x4xf32>, tensor<2x5x4xf32>) outs(%z : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  func.return %y : tensor<2x3x5xf32>
}

// CHECK-LABEL: func.func @transposed
// CHECK:         cedr.grid @l0_gemm_1 [2 parallel]
// CHECK-NEXT:        ins(%i0 = %2[d0 * 3, 0][2, 4] : tensor<6x4xf32>,
// CHECK-NEXT:            %i1 = %3[d0 * 5, 0][5, 4] : tensor<10x4xf32>)
// CHECK-NEXT:        outs(%o0 = %1[d0 * 3, 0][2, 5] : tensor<6x5xf32>) {
// CHECK-NEXT:      cedr.gemm transpose_b ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
