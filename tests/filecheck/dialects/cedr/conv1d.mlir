// RUN: CEDR_ROUNDTRIP | filecheck %s

// One spatial dimension.

func.func @f(%x: memref<2x3x20xf32>, %w: memref<4x3x5xf32>, %y: memref<2x4x16xf32>, %z: memref<2x4x6xf32>) {
  cedr.conv1d ins(%x, %w) outs(%y)
  cedr.conv1d strides [2] dilations [2] ins(%x, %w) outs(%z)
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<2x3x20xf32>, %w: memref<4x3x5xf32>, %y: memref<2x4x16xf32>, %z: memref<2x4x6xf32>) {
// CHECK-NEXT:    cedr.conv1d ins(%x, %w) outs(%y)
// CHECK-NEXT:    cedr.conv1d strides [2] dilations [2] ins(%x, %w) outs(%z)
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
