// RUN: CEDR_ROUNDTRIP | filecheck %s

// Strides and dilations of 1 are not written.

func.func @f(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>, %z: memref<2x4x4x4xf32>) {
  cedr.conv2d ins(%x, %w) outs(%y)
  cedr.conv2d strides [2, 1] dilations [1, 4] ins(%x, %w) outs(%z)
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>, %z: memref<2x4x4x4xf32>) {
// CHECK-NEXT:    cedr.conv2d ins(%x, %w) outs(%y)
// CHECK-NEXT:    cedr.conv2d strides [2, 1] dilations [1, 4] ins(%x, %w) outs(%z)
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
