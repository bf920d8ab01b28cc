// RUN: CEDR_ROUNDTRIP | filecheck %s

// Events of a whole function.

func.func @f() {
  cedr.join @j base 77 after [war @conv:0[0 to 27], raw @fc:1[]]
  cedr.join @k
  cedr.wait after [raw @j:0[]]
  cedr.wait
  func.return
}

// CHECK-LABEL: func.func @f() {
// CHECK-NEXT:    cedr.join @j base 77 after [war @conv:0[0 to 27], raw @fc:1[]]
// CHECK-NEXT:    cedr.join @k
// CHECK-NEXT:    cedr.wait after [raw @j:0[]]
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
