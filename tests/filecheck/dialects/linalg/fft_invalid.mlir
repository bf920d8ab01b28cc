// RUN: cedr-opt --verify-diagnostics --split-input-file %s

func.func @real(%x : tensor<2x4xf32>) {
  // expected-error @below {{'linalg.fft' expects complex numbers, got f32}}
  %0 = linalg.fft ins(%x : tensor<2x4xf32>) outs(%x : tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return
}

// -----

func.func @shapes(%x : tensor<2x4xcomplex<f32>>, %y : tensor<2x8xcomplex<f32>>) {
  // expected-error @below {{'linalg.ifft' expects an output of its input's shape [2, 4], got [2, 8]}}
  %0 = linalg.ifft ins(%x : tensor<2x4xcomplex<f32>>) outs(%y : tensor<2x8xcomplex<f32>>) -> tensor<2x8xcomplex<f32>>
  func.return
}

// -----

func.func @vector(%x : tensor<4xcomplex<f32>>) {
  // expected-error @below {{'linalg.fft' expects operand #0 of rank 2, got tensor<4xcomplex<f32>>}}
  %0 = linalg.fft ins(%x : tensor<4xcomplex<f32>>) outs(%x : tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  func.return
}
