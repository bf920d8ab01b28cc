// RUN: cedr-opt %s -p import-linalg | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<2x3xf32>, %y: tensor<4x6xf32>, %z: tensor<2x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  // The rest is one constant: a pad.
  // CHECK: %p = tensor.pad %x low[1, 2] high[1, 1] {
  %p = tensor.insert_slice %x into %f[1, 2] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<4x6xf32>
  // One dim is cut: a concat.
  // CHECK: %[[bottom:.*]] = tensor.extract_slice %y[3, 0] [1, 6] [1, 1]
  // CHECK: %[[top:.*]] = tensor.extract_slice %y[0, 0] [1, 6] [1, 1]
  // CHECK: concat dim(0) %[[top]], %z, %[[bottom]]
  %c = tensor.insert_slice %z into %y[1, 0] [2, 6] [1, 1] : tensor<2x6xf32> into tensor<4x6xf32>
  // Else a choice, element by element.
  // CHECK: linalg.generic
  // CHECK: tensor.extract %x[
  // CHECK: arith.select
  %s = tensor.insert_slice %x into %y[0, 1] [2, 3] [2, 2] : tensor<2x3xf32> into tensor<4x6xf32>
  func.return %p, %c, %s : tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>
}
