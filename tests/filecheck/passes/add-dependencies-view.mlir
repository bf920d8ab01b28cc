// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// Two shapes of one buffer: tiles of channels are runs of the flat elements.

func.func @main(%x: memref<4x2x3xf32>, %y: memref<24xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<4x2x3xf32>
  cedr.grid @copy [4 parallel]
      ins(%x0 = %x[d0, 0, 0][1, 2, 3] : memref<4x2x3xf32>) outs(%a0 = %a[d0, 0, 0][1, 2, 3] : memref<4x2x3xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  %v = cedr.view %a : memref<4x2x3xf32> to memref<24xf32>
  cedr.grid @read [3 parallel] ins(%v1 = %v[d0 * 8][8] : memref<24xf32>) outs(%y1 = %y[d0 * 8][8] : memref<24xf32>) {
    cedr.zip add ins(%v1, %v1) outs(%y1)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @copy [4 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @read [3 parallel] base 4{{$}}
// CHECK: cedr.zip add ins(%v1, %v1) outs(%y1) after [raw @copy:0[(d0 * 4) floordiv 3 to (d0 * 4 + 3) floordiv 3]]{{$}}
