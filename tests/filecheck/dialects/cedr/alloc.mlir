// RUN: CEDR_ROUNDTRIP | filecheck %s

// With and without a place in the arena.

func.func @f() {
  %0 = cedr.alloc : memref<4x1x64x8x224xf32>
  %1 = cedr.alloc at 4096 : memref<2xi8>
  func.return
}

// CHECK-LABEL: func.func @f() {
// CHECK-NEXT:    %0 = cedr.alloc : memref<4x1x64x8x224xf32>
// CHECK-NEXT:    %1 = cedr.alloc at 4096 : memref<2xi8>
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
