// RUN: not cedr-opt %s -p add-dependencies 2>&1 | filecheck %s

// Tensors are values: there is nothing to wait for yet.

// CHECK:     error: add-dependencies: 'cedr.grid' @a is on tensors; run bufferize and plan-memory first

func.func @main(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %r = cedr.grid @a [] ins(%x0 = %x[0][8] : tensor<8xf32>) outs(%a0 = %y[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  func.return %r : tensor<8xf32>
}
