// RUN: CEDR_ROUNDTRIP | filecheck %s

// On buffers scratch is a ring of slots, taken by the linear index of the tile.

func.func @f(%x: memref<4x6xf32>, %y: memref<4x6xf32>, %r: memref<3x2x2xf32>) {
  cedr.grid @g [2 parallel, 3 parallel]
      ins(%i = %x[d0 * 2, d1 * 2][2, 2] : memref<4x6xf32>)
      outs(%o = %y[d0 * 2, d1 * 2][2, 2] : memref<4x6xf32>)
      scratch(%t = %r slot ((d0 * 3 + d1) mod 3) : memref<3x2x2xf32>) {
    cedr.zip add ins(%i, %i) outs(%t)
    cedr.zip mul ins(%t, %i) outs(%o)
    cedr.yield
  }
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<4x6xf32>, %y: memref<4x6xf32>, %r: memref<3x2x2xf32>) {
// CHECK-NEXT:    cedr.grid @g [2 parallel, 3 parallel]
// CHECK-NEXT:        ins(%i = %x[d0 * 2, d1 * 2][2, 2] : memref<4x6xf32>)
// CHECK-NEXT:        outs(%o = %y[d0 * 2, d1 * 2][2, 2] : memref<4x6xf32>)
// CHECK-NEXT:        scratch(%t = %r slot ((d0 * 3 + d1) mod 3) : memref<3x2x2xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%i, %i) outs(%t)
// CHECK-NEXT:      cedr.zip mul ins(%t, %i) outs(%o)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
