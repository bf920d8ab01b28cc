// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// Tiles of five rows under steps of three: the bounds divide.

func.func @main(%x: memref<20xf32>, %y: memref<6xf32> {cedr.output = "y"}) {
  %a = cedr.alloc at 0 : memref<20xf32>
  cedr.grid @copy [4 parallel]
      ins(%x0 = %x[d0 * 5][5] : memref<20xf32>) outs(%a0 = %a[d0 * 5][5] : memref<20xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @pool [6 parallel] ins(%a1 = %a[d0 * 3][4] : memref<20xf32>) outs(%y1 = %y[d0][1] : memref<6xf32>) {
    cedr.kernel @max [4] maps [(d0), (0)] init [0xff800000 : f32] ins(%a1) outs(%y1) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.maximumf %0, %1 : f32
      cedr.yield %2 : f32
    }
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @copy [4 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @pool [6 parallel] base 4{{$}}
// CHECK: cedr.kernel @max [4] maps [(d0), (0)] init [0xff800000 : f32] ins(%a1) outs(%y1) after [raw @copy:0[(d0 * 3) floordiv 5 to (d0 * 3 + 3) floordiv 5]] {
