// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// A grid of one tile has a free index, which carries the condition on the reader's.

func.func @main(%x: memref<4xf32>, %y: memref<12xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<12xf32>
  cedr.grid @first [1 parallel] ins(%x0 = %x[0][4] : memref<4xf32>) outs(%a0 = %a[0][4] : memref<12xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @read [3 parallel] ins(%a2 = %a[d0 * 4][4] : memref<12xf32>) outs(%y2 = %y[d0 * 4][4] : memref<12xf32>) {
    cedr.zip add ins(%a2, %a2) outs(%y2)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @first [1 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @read [3 parallel] base 1{{$}}
// CHECK: cedr.zip add ins(%a2, %a2) outs(%y2) after [raw @first:0[0 to -d0 * 4 + 3]]{{$}}
