// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// A kernel's map with a division reaches half as many elements as it has steps, and only these.

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<8xf32>
  cedr.grid @copy [8 parallel]
      ins(%x0 = %x[d0][1] : memref<8xf32>) outs(%a0 = %a[d0][1] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @up [2 parallel] ins(%a1 = %a[0][8] : memref<8xf32>) outs(%y1 = %y[d0 * 4][4] : memref<8xf32>) {
    cedr.kernel @repeat [4] maps [((d0 + 2) floordiv 2), (d0)] ins(%a1) outs(%y1) {
    ^bb0(%0: f32, %1: f32):
      cedr.yield %0 : f32
    }
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @copy [8 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @up [2 parallel] base 8{{$}}
// CHECK: cedr.kernel @repeat [4] maps [((d0 + 2) floordiv 2), (d0)] ins(%a1) outs(%y1) after [raw @copy:0[1 to 2]] {
