// RUN: CEDR_ROUNDTRIP | filecheck %s

// Matrix product of tiles, tensors and buffers; B may lie transposed.

func.func @f(%a: memref<4x6xf32>, %b: memref<6x5xf32>, %c: memref<4x5xf32>, %t: tensor<5x6xf64>, %u: tensor<4x6xf64>, %v: tensor<4x5xf64>) {
  cedr.gemm ins(%a, %b) outs(%c)
  %0 = cedr.gemm transpose_b ins(%u, %t) outs(%v)
  func.return
}

// CHECK-LABEL: func.func @f(%a: memref<4x6xf32>, %b: memref<6x5xf32>, %c: memref<4x5xf32>, %t: tensor<5x6xf64>, %u: tensor<4x6xf64>, %v: tensor<4x5xf64>) {
// CHECK-NEXT:    cedr.gemm ins(%a, %b) outs(%c)
// CHECK-NEXT:    %0 = cedr.gemm transpose_b ins(%u, %t) outs(%v)
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
