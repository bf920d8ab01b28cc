// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x : tensor<8x64xcomplex<f32>>, %y : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>> {
  // CHECK: linalg.fft ins(%x : tensor<8x64xcomplex<f32>>) outs(%y : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  %0 = linalg.fft ins(%x : tensor<8x64xcomplex<f32>>) outs(%y : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  // CHECK: linalg.ifft {tag} ins(%0 : tensor<8x64xcomplex<f32>>) outs(%y : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  %1 = linalg.ifft {tag} ins(%0 : tensor<8x64xcomplex<f32>>) outs(%y : tensor<8x64xcomplex<f32>>) -> tensor<8x64xcomplex<f32>>
  func.return %1 : tensor<8x64xcomplex<f32>>
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%x : memref<2x12xcomplex<f64>>, %y : memref<2x12xcomplex<f64>>) {
  // CHECK: linalg.fft ins(%x : memref<2x12xcomplex<f64>>) outs(%y : memref<2x12xcomplex<f64>>)
  linalg.fft ins(%x : memref<2x12xcomplex<f64>>) outs(%y : memref<2x12xcomplex<f64>>)
  func.return
}
