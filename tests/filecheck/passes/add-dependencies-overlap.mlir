// RUN: not cedr-opt %s -p add-dependencies 2>&1 | filecheck %s

// A plan, perhaps made by hand, in which two buffers in use share bytes.

// CHECK:     overlap.mlir:9:8: error: add-dependencies: 'cedr.alloc' memref<8xf32> at 16 shares bytes 16 to 31 with memref<8xf32> at 0, which @b still uses at or after @b; run plan-memory again

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<8xf32>
  %b = cedr.alloc at 16 : memref<8xf32>
  cedr.grid @a [] ins(%x0 = %x[0][8] : memref<8xf32>) outs(%a0 = %a[0][8] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @b [] ins(%a1 = %a[0][8] : memref<8xf32>) outs(%b1 = %b[0][8] : memref<8xf32>) {
    cedr.zip add ins(%a1, %a1) outs(%b1)
    cedr.yield
  }
  cedr.grid @c [] ins(%b2 = %b[0][8] : memref<8xf32>) outs(%y2 = %y[0][8] : memref<8xf32>) {
    cedr.zip add ins(%b2, %b2) outs(%y2)
    cedr.yield
  }
  func.return
}
