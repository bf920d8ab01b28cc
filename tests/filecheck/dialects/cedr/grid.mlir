// RUN: CEDR_ROUNDTRIP | filecheck %s

// Windows are affine in the grid's indices; expressions come back in normal form.

func.func @f(%x: memref<1x3x10x10xf32>, %w: memref<4x3x3x3xf32>, %y: memref<1x4x8x8xf32>) {
  cedr.grid @conv [2 parallel, 2 parallel] base 7
      ins(%i0 = %x[0, 0, (d1 + 1) * 4 - 4, d0 * 0][1, 3, 6, 10] : memref<1x3x10x10xf32>,
          %i1 = %w[d0 * 2, 0, 0, 0][2, 3, 3, 3] : memref<4x3x3x3xf32>)
      outs(%o0 = %y[0, d0 * 2, 4 * d1, 0][1, 2, 4, 8] : memref<1x4x8x8xf32>) {
    cedr.conv2d ins(%i0, %i1) outs(%o0)
    cedr.yield
  }
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<1x3x10x10xf32>, %w: memref<4x3x3x3xf32>, %y: memref<1x4x8x8xf32>) {
// CHECK-NEXT:    cedr.grid @conv [2 parallel, 2 parallel] base 7
// CHECK-NEXT:        ins(%i0 = %x[0, 0, d1 * 4, 0][1, 3, 6, 10] : memref<1x3x10x10xf32>,
// CHECK-NEXT:            %i1 = %w[d0 * 2, 0, 0, 0][2, 3, 3, 3] : memref<4x3x3x3xf32>)
// CHECK-NEXT:        outs(%o0 = %y[0, d0 * 2, d1 * 4, 0][1, 2, 4, 8] : memref<1x4x8x8xf32>) {
// CHECK-NEXT:      cedr.conv2d ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
