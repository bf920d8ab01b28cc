// RUN: cedr-opt %s -p canonicalize | filecheck %s

// Ops on tensors that nothing uses go; a plan on one that stays stays with it; writes to memrefs stay.

// CHECK-LABEL: func.func @tensors
// CHECK-NEXT:    %used = linalg.matmul {cedr.plan = #cedr.plan<gemm, [2, 0, 0]>} ins(%a, %a
// CHECK-NEXT:    func.return %used
func.func @tensors(%a : tensor<4x4xf32>, %b : tensor<4x4xf32>) -> tensor<4x4xf32> {
  %dead = linalg.matmul ins(%a, %b : tensor<4x4xf32>, tensor<4x4xf32>) outs(%a : tensor<4x4xf32>) -> tensor<4x4xf32>
  %used = linalg.matmul {cedr.plan = #cedr.plan<gemm, [2, 0, 0]>} ins(%a, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%b : tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %used : tensor<4x4xf32>
}

// CHECK-LABEL: func.func @memrefs
// CHECK-NEXT:    linalg.matmul
// CHECK-NEXT:    func.return
func.func @memrefs(%a : memref<4x4xf32>, %b : memref<4x4xf32>) {
  linalg.matmul ins(%a, %a : memref<4x4xf32>, memref<4x4xf32>) outs(%b : memref<4x4xf32>)
  func.return
}
