// RUN: not cedr-opt %s -p plan-memory 2>&1 | filecheck %s

// Moving buffers would make dependencies wrong.

// CHECK:     error: plan-memory: 'cedr.join' @reuse_0 belongs to a plan made before; run plan-memory before add-dependencies
// CHECK:     error: plan-memory: 'cedr.grid' @a has dependencies, which hold for the offsets as they are; run plan-memory before add-dependencies

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  cedr.join @reuse_0 base 0
  cedr.grid @a [] base 1 ins(%x0 = %x[0][8] : memref<8xf32>) outs(%y0 = %y[0][8] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%y0)
    cedr.yield
  }
  func.return
}
