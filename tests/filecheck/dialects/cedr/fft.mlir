// RUN: CEDR_ROUNDTRIP | filecheck %s

// Rows of complex elements, forward and inverse.

func.func @f(%x: memref<2x16xcomplex<f32>>, %y: memref<2x16xcomplex<f32>>) {
  cedr.fft ins(%x) outs(%y)
  cedr.fft inverse ins(%y) outs(%x)
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<2x16xcomplex<f32>>, %y: memref<2x16xcomplex<f32>>) {
// CHECK-NEXT:    cedr.fft ins(%x) outs(%y)
// CHECK-NEXT:    cedr.fft inverse ins(%y) outs(%x)
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
