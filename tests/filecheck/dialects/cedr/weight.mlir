// RUN: CEDR_ROUNDTRIP | filecheck %s

// Names that are no identifiers are quoted.

func.func @f() {
  %0 = cedr.weight @"0.weight" : tensor<64x3x3x3xf32>
  %1 = cedr.weight @plain : memref<10xi64>
  func.return
}

// CHECK-LABEL: func.func @f() {
// CHECK-NEXT:    %0 = cedr.weight @"0.weight" : tensor<64x3x3x3xf32>
// CHECK-NEXT:    %1 = cedr.weight @plain : memref<10xi64>
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
