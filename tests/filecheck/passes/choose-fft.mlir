// RUN: cedr-opt %s -p 'choose{hw=C3F1}' | filecheck %s
// RUN: cedr-opt %s -p 'choose{mapping=layerwise hw=C3F1}' | filecheck %s --check-prefix=LAYERWISE

// Rows for several devices; a product behind a transform is a zip of its own, not part of its grid. `layerwise`: a call a row.

#rows = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<8x64xcomplex<f32>>, %y: tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>> {
  %0 = complex.constant [0.0 : f32, 0.0 : f32] : complex<f32>
  %e = tensor.empty() : tensor<8x64xcomplex<f32>>
  %zero = linalg.fill ins(%0 : complex<f32>) outs(%e : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  %f = linalg.fft ins(%x : tensor<8x64xcomplex<f32>>) outs(%zero : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  %p = linalg.generic {indexing_maps = [#rows, #rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%f, %y : tensor<8x64xcomplex<f32>>, tensor<8x64xcomplex<f32>>) outs(%e : tensor<8x64xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %b: complex<f32>, %o: complex<f32>):
    %1 = complex.mul %a, %b : complex<f32>
    linalg.yield %1 : complex<f32>
  } -> tensor<8x64xcomplex<f32>>
  func.return %p : tensor<8x64xcomplex<f32>>
}

// CHECK: linalg.fft {cedr.plan = #cedr.plan<fft, [4, 0, 0]>}
// CHECK: linalg.generic {{.*}}cedr.plan = #cedr.plan<zip, [
// LAYERWISE: linalg.fft {cedr.plan = #cedr.plan<fft, [1, 0, 0]>}
