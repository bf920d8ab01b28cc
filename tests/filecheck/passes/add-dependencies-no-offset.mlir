// RUN: not cedr-opt %s -p add-dependencies 2>&1 | filecheck %s

// Dependencies follow from where buffers lie, so that they come after the memory plan.

// CHECK:     no-offset.mlir:9:8: error: add-dependencies: 'cedr.alloc' memref<8xf32> has no offset, on which dependencies depend; run plan-memory first
// CHECK-NOT: error

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %a = cedr.alloc : memref<8xf32>
  cedr.grid @a [] ins(%x0 = %x[0][8] : memref<8xf32>) outs(%a0 = %a[0][8] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  func.return
}
