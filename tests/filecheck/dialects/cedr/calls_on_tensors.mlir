// RUN: CEDR_ROUNDTRIP | filecheck %s

// On tensors every call gives its out back.

// CHECK-LABEL: func.func @f
func.func @f(%x: tensor<1x1x3x3xf32>, %w: tensor<1x1x1x1xf32>, %l: tensor<1x1x4xf32>, %k: tensor<1x1x1xf32>, %c: tensor<1x2xcomplex<f64>>, %i: tensor<3xi32>) {
  // CHECK-NEXT: %0 = cedr.conv2d ins(%x, %w) outs(%x)
  %0 = cedr.conv2d ins(%x, %w) outs(%x)
  // CHECK-NEXT: %1 = cedr.conv1d ins(%l, %k) outs(%l)
  %1 = cedr.conv1d ins(%l, %k) outs(%l)
  // CHECK-NEXT: %2 = cedr.fft inverse ins(%c) outs(%c)
  %2 = cedr.fft inverse ins(%c) outs(%c)
  // CHECK-NEXT: %3 = cedr.zip sub ins(%i, %i) outs(%i)
  %3 = cedr.zip sub ins(%i, %i) outs(%i)
  // CHECK-NEXT: %4, %5 = cedr.kernel @two [3] maps [(d0), (d0), (d0)] ins(%i) outs(%i, %3) {
  %4, %5 = cedr.kernel @two [3] maps [(d0), (d0), (d0)] ins(%i) outs(%i, %3) {
  ^bb0(%a: i32, %b: i32, %d: i32):
    cedr.yield %a, %b : i32, i32
  }
  // CHECK: func.return
  func.return
}
