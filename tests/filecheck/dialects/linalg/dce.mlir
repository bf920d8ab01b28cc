// RUN: cedr-opt -p dce %s | filecheck %s

// On tensors what nothing uses disappears; on memrefs every write stays.

// CHECK-LABEL: func.func @tensors
func.func @tensors(%a : tensor<4x4xf32>, %b : tensor<4x4xf32>) -> tensor<4x4xf32> {
  // CHECK-NEXT: func.return %a : tensor<4x4xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x4xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %product = linalg.matmul ins(%a, %b : tensor<4x4xf32>, tensor<4x4xf32>) outs(%fill : tensor<4x4xf32>) -> tensor<4x4xf32>
  %turned = linalg.transpose ins(%product : tensor<4x4xf32>) outs(%empty : tensor<4x4xf32>) permutation = [1, 0]
  func.return %a : tensor<4x4xf32>
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%a : memref<4x4xf32>, %b : memref<4x4xf32>, %c : memref<4x4xf32>) {
  // CHECK-NEXT: linalg.matmul
  linalg.matmul ins(%a, %b : memref<4x4xf32>, memref<4x4xf32>) outs(%c : memref<4x4xf32>)
  // CHECK-NEXT: func.return
  func.return
}
