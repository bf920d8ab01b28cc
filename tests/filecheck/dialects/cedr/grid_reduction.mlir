// RUN: CEDR_ROUNDTRIP | filecheck %s

// The innermost dimension may be a reduction: its steps update one window. A grid may have no dimension.

func.func @f(%x: memref<6xf32>, %y: memref<2xf32>) {
  cedr.grid @sum [3 reduction]
      ins(%i = %x[d0 * 2][2] : memref<6xf32>)
      outs(%o = %y[0][2] : memref<2xf32>) {
    cedr.zip add ins(%i, %o) outs(%o)
    cedr.yield
  }
  cedr.grid @once []
      outs(%o = %y[0][2] : memref<2xf32>) {
    cedr.zip mul ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<6xf32>, %y: memref<2xf32>) {
// CHECK-NEXT:    cedr.grid @sum [3 reduction]
// CHECK-NEXT:        ins(%i = %x[d0 * 2][2] : memref<6xf32>)
// CHECK-NEXT:        outs(%o = %y[0][2] : memref<2xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%i, %o) outs(%o)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @once []
// CHECK-NEXT:        outs(%o = %y[0][2] : memref<2xf32>) {
// CHECK-NEXT:      cedr.zip mul ins(%o, %o) outs(%o)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
