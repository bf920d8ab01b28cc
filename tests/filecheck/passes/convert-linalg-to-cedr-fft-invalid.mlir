// RUN: not cedr-opt %s -p convert-linalg-to-cedr 2>&1 | filecheck %s

// CHECK: 'linalg.fft' has rows of 8 points that are cut, 'fft' takes whole rows
// CHECK: 'linalg.fft' transforms 12 points, 'fft' a power of two; plan it as kernel

func.func @main(%x: tensor<2x8xcomplex<f32>>, %y: tensor<2x12xcomplex<f32>>) -> (tensor<2x8xcomplex<f32>>, tensor<2x12xcomplex<f32>>) {
  %0 = linalg.fft {cedr.plan = #cedr.plan<fft, [0, 4, 0]>} ins(%x : tensor<2x8xcomplex<f32>>) outs(%x : tensor<2x8xcomplex<f32>>) -> tensor<2x8xcomplex<f32>>
  %1 = linalg.fft {cedr.plan = #cedr.plan<fft, [0, 0, 0]>} ins(%y : tensor<2x12xcomplex<f32>>) outs(%y : tensor<2x12xcomplex<f32>>) -> tensor<2x12xcomplex<f32>>
  func.return %0, %1 : tensor<2x8xcomplex<f32>>, tensor<2x12xcomplex<f32>>
}
