// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK-LABEL: func.func @tensors
func.func @tensors(%a : tensor<2x3x4xf32>, %b : tensor<2x4x5xf32>, %c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32> {
  // CHECK: linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %0 = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  func.return %0 : tensor<2x3x5xf32>
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%a : memref<2x3x4xi64>, %b : memref<2x4x5xi64>, %c : memref<2x3x5xi64>) {
  // CHECK: linalg.batch_matmul {tag} ins(%a, %b : memref<2x3x4xi64>, memref<2x4x5xi64>) outs(%c : memref<2x3x5xi64>)
  linalg.batch_matmul {tag} ins(%a, %b : memref<2x3x4xi64>, memref<2x4x5xi64>) outs(%c : memref<2x3x5xi64>)
  func.return
}
