// RUN: not cedr-opt %s -p convert-linalg-to-cedr 2>&1 | filecheck %s

// All that can't be converted is said at once, each at its place.

// CHECK:      invalid.mlir:11:8: error: convert-linalg-to-cedr: 'tensor.extract' has no conversion to cedr
// CHECK:      invalid.mlir:13:8: error: convert-linalg-to-cedr: 'linalg.fill' fills with something else than a constant
// CHECK:      invalid.mlir:15:8: error: convert-linalg-to-cedr: 'tensor.pad' pads by a width that is not a constant >= 0
// CHECK-NOT:  error

func.func @main(%x: tensor<4xf32>, %i: index) -> (tensor<4xf32>, tensor<4xf32>) {
  %v = tensor.extract %x[%i] : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.fill ins(%v : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>

  %p = tensor.pad %x low[-1] high[1] {
  ^bb0(%j: index):
    %z = arith.constant 0.0 : f32
    tensor.yield %z : f32
  } : tensor<4xf32> to tensor<4xf32>
  func.return %y, %p : tensor<4xf32>, tensor<4xf32>
}
