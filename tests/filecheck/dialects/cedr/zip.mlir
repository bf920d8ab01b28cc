// RUN: CEDR_ROUNDTRIP | filecheck %s

// Every kind; in place too.

func.func @f(%x: memref<3x4xf32>, %y: memref<3x4xf32>, %z: memref<3x4xf32>) {
  cedr.zip add ins(%x, %y) outs(%z)
  cedr.zip sub ins(%x, %y) outs(%x)
  cedr.zip mul ins(%x, %y) outs(%y)
  cedr.zip div ins(%x, %y) outs(%z)
  cedr.zip cmp_mul ins(%x, %y) outs(%z)
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<3x4xf32>, %y: memref<3x4xf32>, %z: memref<3x4xf32>) {
// CHECK-NEXT:    cedr.zip add ins(%x, %y) outs(%z)
// CHECK-NEXT:    cedr.zip sub ins(%x, %y) outs(%x)
// CHECK-NEXT:    cedr.zip mul ins(%x, %y) outs(%y)
// CHECK-NEXT:    cedr.zip div ins(%x, %y) outs(%z)
// CHECK-NEXT:    cedr.zip cmp_mul ins(%x, %y) outs(%z)
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
