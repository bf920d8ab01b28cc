// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// A buffer that waits for the dead one's readers anyway needs no join.

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<8xf32>
  %b = cedr.alloc at 32 : memref<8xf32>
  %c = cedr.alloc at 0 : memref<8xf32>
  cedr.grid @a [2 parallel] ins(%x0 = %x[d0 * 4][4] : memref<8xf32>) outs(%a0 = %a[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @b [] ins(%a1 = %a[0][8] : memref<8xf32>) outs(%b1 = %b[0][8] : memref<8xf32>) {
    cedr.zip mul ins(%a1, %a1) outs(%b1)
    cedr.yield
  }
  cedr.grid @c [2 parallel] ins(%b2 = %b[d0 * 4][4] : memref<8xf32>) outs(%c2 = %c[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%b2, %b2) outs(%c2)
    cedr.yield
  }
  cedr.grid @d [2 parallel] ins(%c3 = %c[d0 * 4][4] : memref<8xf32>) outs(%y3 = %y[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%c3, %c3) outs(%y3)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @a [2 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @b [] base 2{{$}}
// CHECK: cedr.zip mul ins(%a1, %a1) outs(%b1) after [raw @a:0[0 to 1]]{{$}}
// CHECK: cedr.grid @c [2 parallel] base 3{{$}}
// CHECK: cedr.zip add ins(%b2, %b2) outs(%c2) after [raw @b:0[]]{{$}}
// CHECK: cedr.grid @d [2 parallel] base 5{{$}}
// CHECK: cedr.zip add ins(%c3, %c3) outs(%y3) after [raw @c:0[d0]]{{$}}
