// RUN: not cedr-opt %s -p add-dependencies 2>&1 | filecheck %s

// Scratch belongs to its grid alone, and an op that is not known may touch anything.

// CHECK:     error: add-dependencies: 'memref.alloc' is no grid, buffer, view or weight, so that what it depends on is not known
// CHECK:     error: add-dependencies: 'cedr.grid' @b uses the scratch of @a as an operand

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %m = memref.alloc() : memref<8xf32>
  %t = cedr.alloc at 0 : memref<1x8xf32>
  cedr.grid @a [] ins(%x0 = %x[0][8] : memref<8xf32>) outs(%y0 = %y[0][8] : memref<8xf32>)
      scratch(%t0 = %t slot ((0) mod 1) : memref<1x8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%t0)
    cedr.zip add ins(%t0, %x0) outs(%y0)
    cedr.yield
  }
  %v = cedr.view %t : memref<1x8xf32> to memref<8xf32>
  cedr.grid @b [] ins(%v1 = %v[0][8] : memref<8xf32>) outs(%y1 = %y[0][8] : memref<8xf32>) {
    cedr.zip add ins(%v1, %v1) outs(%y1)
    cedr.yield
  }
  func.return
}
