// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// A ring's slot is free again when its last reader has ended.

func.func @main(%x: memref<16xf32>, %y: memref<16xf32> {cedr.output = "y"}) {
  %t = cedr.alloc at 0 : memref<2x4xf32>
  cedr.grid @g [4 parallel]
      ins(%x0 = %x[d0 * 4][4] : memref<16xf32>) outs(%y0 = %y[d0 * 4][4] : memref<16xf32>)
      scratch(%t0 = %t slot ((d0) mod 2) : memref<2x4xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%t0)
    cedr.zip mul ins(%t0, %t0) outs(%t0)
    cedr.zip add ins(%t0, %x0) outs(%y0)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @g [4 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%t0) after [war lag 2:2]{{$}}
// CHECK: cedr.zip mul ins(%t0, %t0) outs(%t0) after [raw @g:0[d0]]{{$}}
// CHECK: cedr.zip add ins(%t0, %x0) outs(%y0) after [raw @g:1[d0]]{{$}}
