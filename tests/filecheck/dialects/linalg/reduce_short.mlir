// RUN: cedr-opt %s | cedr-opt | filecheck %s

// MLIR's short form of a body: the op gets the destination's element first.
func.func @reduce(%a : tensor<2x3xf32>, %e : tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: linalg.reduce ins(%a:tensor<2x3xf32>) outs(%e:tensor<2xf32>) dimensions = [1]
  // CHECK-NEXT: (%[[x:[0-9]+]]: f32, %[[total:[0-9]+]]: f32) {
  // CHECK-NEXT: arith.subf %[[total]], %[[x]] : f32
  %r = linalg.reduce { arith.subf } ins(%a : tensor<2x3xf32>) outs(%e : tensor<2xf32>) dimensions = [1]
  func.return %r : tensor<2xf32>
}
