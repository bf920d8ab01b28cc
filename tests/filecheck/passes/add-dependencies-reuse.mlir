// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// A buffer in the bytes of two dead ones: one join waits for their last readers, its first writers for the join.

func.func @main(%x: memref<8xf32>, %y: memref<16xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<8xf32>
  %b = cedr.alloc at 32 : memref<8xf32>
  %c = cedr.alloc at 64 : memref<16xf32>
  %d = cedr.alloc at 0 : memref<16xf32>
  cedr.grid @a [2 parallel] ins(%x0 = %x[d0 * 4][4] : memref<8xf32>) outs(%a0 = %a[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @b [2 parallel] ins(%x1 = %x[d0 * 4][4] : memref<8xf32>) outs(%b1 = %b[d0 * 4][4] : memref<8xf32>) {
    cedr.zip mul ins(%x1, %x1) outs(%b1)
    cedr.yield
  }
  cedr.grid @c [2 parallel]
      ins(%a2 = %a[d0 * 4][4] : memref<8xf32>, %b2 = %b[d0 * 4][4] : memref<8xf32>)
      outs(%c2 = %c[d0 * 4][4] : memref<16xf32>, %c3 = %c[d0 * 4 + 8][4] : memref<16xf32>) {
    cedr.zip add ins(%a2, %b2) outs(%c2)
    cedr.zip sub ins(%a2, %b2) outs(%c3)
    cedr.yield
  }
  cedr.grid @d [4 parallel] ins(%c4 = %c[d0 * 4][4] : memref<16xf32>) outs(%d4 = %d[d0 * 4][4] : memref<16xf32>) {
    cedr.zip add ins(%c4, %c4) outs(%d4)
    cedr.yield
  }
  cedr.grid @e [4 parallel] ins(%d5 = %d[d0 * 4][4] : memref<16xf32>) outs(%y5 = %y[d0 * 4][4] : memref<16xf32>) {
    cedr.zip add ins(%d5, %d5) outs(%y5)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @a [2 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @b [2 parallel] base 2{{$}}
// CHECK: cedr.zip mul ins(%x1, %x1) outs(%b1){{$}}
// CHECK: cedr.grid @c [2 parallel] base 4{{$}}
// CHECK: cedr.zip add ins(%a2, %b2) outs(%c2) after [raw @b:0[d0], raw @a:0[d0]]{{$}}
// CHECK: cedr.zip sub ins(%a2, %b2) outs(%c3) after [raw @b:0[d0], raw @a:0[d0]]{{$}}
// CHECK: cedr.join @reuse_0 base 8 after [war @c:0[0 to 1], war @c:1[0 to 1]]{{$}}
// CHECK: cedr.grid @d [4 parallel] base 9{{$}}
// CHECK: cedr.zip add ins(%c4, %c4) outs(%d4) after [war @reuse_0:0[]]{{$}}
// CHECK: cedr.grid @e [4 parallel] base 13{{$}}
// CHECK: cedr.zip add ins(%d5, %d5) outs(%y5) after [raw @d:0[d0]]{{$}}
