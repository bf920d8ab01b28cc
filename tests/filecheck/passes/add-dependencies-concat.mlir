// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// What reads a part of a buffer waits for the grids that wrote this part.

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<12xf32>
  cedr.grid @low [2 parallel] ins(%x0 = %x[d0 * 4][4] : memref<8xf32>) outs(%a0 = %a[d0 * 4][4] : memref<12xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @high [4 parallel] ins(%x1 = %x[d0][1] : memref<8xf32>) outs(%a1 = %a[d0 + 8][1] : memref<12xf32>) {
    cedr.zip mul ins(%x1, %x1) outs(%a1)
    cedr.yield
  }
  cedr.grid @read [2 parallel] ins(%a2 = %a[d0 * 4 + 4][4] : memref<12xf32>) outs(%y2 = %y[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%a2, %a2) outs(%y2)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @low [2 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @high [4 parallel] base 2{{$}}
// CHECK: cedr.zip mul ins(%x1, %x1) outs(%a1){{$}}
// CHECK: cedr.grid @read [2 parallel] base 6{{$}}
// CHECK: cedr.zip add ins(%a2, %a2) outs(%y2) after [raw @high:0[0 to d0 * 4 - 1], raw @low:0[d0 + 1 to 1]]{{$}}
