// RUN: CEDR_ROUNDTRIP | filecheck %s

// What a call waits for: boxes of other grids' indices, `first` at a reduction's first step, a lag in its own grid.

func.func @f(%x: memref<8xf32>, %y: memref<8xf32>, %r: memref<2x2xf32>) {
  cedr.grid @a [4 parallel] base 0
      outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  cedr.grid @b [4 parallel] base 4
      ins(%i = %x[d0 * 2][2] : memref<8xf32>)
      outs(%o = %y[d0 * 2][2] : memref<8xf32>)
      scratch(%t = %r slot ((d0) mod 2) : memref<2x2xf32>) {
    cedr.zip add ins(%i, %i) outs(%t) after [raw @a:0[d0], war lag 2:1]
    cedr.zip mul ins(%t, %i) outs(%o) after [raw @b:0[d0], waw @a:0[(d0 + 1) floordiv 2 to d0 + 1] first]
    cedr.yield
  }
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<8xf32>, %y: memref<8xf32>, %r: memref<2x2xf32>) {
// CHECK-NEXT:    cedr.grid @a [4 parallel] base 0
// CHECK-NEXT:        outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%o, %o) outs(%o)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @b [4 parallel] base 4
// CHECK-NEXT:        ins(%i = %x[d0 * 2][2] : memref<8xf32>)
// CHECK-NEXT:        outs(%o = %y[d0 * 2][2] : memref<8xf32>)
// CHECK-NEXT:        scratch(%t = %r slot ((d0) mod 2) : memref<2x2xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%i, %i) outs(%t) after [raw @a:0[d0], war lag 2:1]
// CHECK-NEXT:      cedr.zip mul ins(%t, %i) outs(%o) after [raw @b:0[d0], waw @a:0[(d0 + 1) floordiv 2 to d0 + 1] first]
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
