// RUN: not cedr-opt %s -p bufferize 2>&1 | filecheck %s

// Only grids, views, weights and empty tensors have buffers.

// CHECK:     invalid.mlir:10:8: error: bufferize: 'linalg.exp' is no grid, view, weight or empty tensor; run convert-linalg-to-cedr first
// CHECK-NOT: error

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}
