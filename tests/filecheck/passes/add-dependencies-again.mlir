// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// Entries and numbers that are there already are made anew.

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<8xf32>
  cedr.join @old base 0
  cedr.grid @a [2 parallel] base 1
      ins(%x0 = %x[d0 * 4][4] : memref<8xf32>) outs(%a0 = %a[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0) after [war @old:0[]]
    cedr.yield
  }
  cedr.grid @b [2 parallel] base 3
      ins(%a1 = %a[d0 * 4][4] : memref<8xf32>) outs(%y1 = %y[d0 * 4][4] : memref<8xf32>) {
    cedr.zip mul ins(%a1, %a1) outs(%y1) after [raw @a:0[0 to 1]]
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @a [2 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @b [2 parallel] base 2{{$}}
// CHECK: cedr.zip mul ins(%a1, %a1) outs(%y1) after [raw @a:0[d0]]{{$}}
