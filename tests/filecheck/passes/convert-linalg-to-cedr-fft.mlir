// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Tiles of whole rows; a transform that is added to what is there; a length that is no power of two, point by point.

func.func @main(%x: tensor<8x64xcomplex<f32>>, %y: tensor<8x64xcomplex<f32>>, %z: tensor<2x12xcomplex<f32>>) -> (tensor<8x64xcomplex<f32>>, tensor<2x12xcomplex<f32>>) {
  %0 = complex.constant [0.0 : f32, 0.0 : f32] : complex<f32>
  %e = tensor.empty() : tensor<8x64xcomplex<f32>>
  %zero = linalg.fill ins(%0 : complex<f32>) outs(%e : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  %f = linalg.fft {cedr.plan = #cedr.plan<fft, [2, 0, 0]>} ins(%x : tensor<8x64xcomplex<f32>>) outs(%zero : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  %g = linalg.ifft ins(%f : tensor<8x64xcomplex<f32>>) outs(%y : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  %s = tensor.empty() : tensor<2x12xcomplex<f32>>
  %short = linalg.fill ins(%0 : complex<f32>) outs(%s : tensor<2x12xcomplex<f32>>) -> tensor<2x12xcomplex<f32>>
  %h = linalg.fft ins(%z : tensor<2x12xcomplex<f32>>) outs(%short : tensor<2x12xcomplex<f32>>) -> tensor<2x12xcomplex<f32>>
  func.return %g, %h : tensor<8x64xcomplex<f32>>, tensor<2x12xcomplex<f32>>
}

// CHECK:       %1 = cedr.grid @l0_fft [4 parallel]
// CHECK-NEXT:      ins(%i0 = %x[d0 * 2, 0][2, 64] : tensor<8x64xcomplex<f32>>)
// CHECK-NEXT:      outs(%o0 = %0[d0 * 2, 0][2, 64] : tensor<8x64xcomplex<f32>>) {
// CHECK-NEXT:    cedr.fft ins(%i0) outs(%o0)
// CHECK-NEXT:    cedr.yield
// CHECK-NEXT:  }
// CHECK:       cedr.grid @l1_ifft_init []
// CHECK:       cedr.grid @l1_ifft []
// CHECK:         cedr.fft inverse ins(%i0) outs(%t0)
// CHECK-NEXT:    cedr.zip add ins(%t0, %o0) outs(%o0)
// CHECK:       cedr.grid @l2_fft []
// CHECK:         cedr.kernel @l2_fft_k [2, 12, 12] maps [(d0, d2), (d0, d1)] init {{\[\[}}0.000000e+00 : f32, 0.000000e+00 : f32{{\]\]}} ins(%i0) outs(%o0) {
// CHECK:           complex.mul
