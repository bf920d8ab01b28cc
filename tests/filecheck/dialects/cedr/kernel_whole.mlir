// RUN: CEDR_ROUNDTRIP | filecheck %s

// A table that a kernel takes whole, read at positions that it computes.

func.func @f(%t: memref<7x3xf32>, %i: memref<5xindex>, %y: memref<5x3xf32>) {
  cedr.kernel @rows [5, 3] maps [(d0), whole, (d0, d1)] ins(%i, %t) outs(%y) {
  ^bb0(%r: index, %table: !cedr.tile<7x3xf32>, %o: f32):
    %c = cedr.index 1 : index
    %v = cedr.load %table[%r, %c] : f32
    cedr.yield %v : f32
  }
  func.return
}

// CHECK-LABEL: func.func @f(%t: memref<7x3xf32>, %i: memref<5xindex>, %y: memref<5x3xf32>) {
// CHECK-NEXT:    cedr.kernel @rows [5, 3] maps [(d0), whole, (d0, d1)] ins(%i, %t) outs(%y) {
// CHECK-NEXT:    ^bb0(%r: index, %table: !cedr.tile<7x3xf32>, %o: f32):
// CHECK-NEXT:      %c = cedr.index 1 : index
// CHECK-NEXT:      %v = cedr.load %table[%r, %c] : f32
// CHECK-NEXT:      cedr.yield %v : f32
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
