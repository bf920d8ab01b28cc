// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK-LABEL: func.func @map
func.func @map(%a : tensor<2x3xf32>, %b : tensor<2x3xf32>, %e : tensor<2x3xf32>) -> tensor<2x3xf32> {
  // CHECK: %m = linalg.map ins(%a, %b : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) (%x: f32, %y: f32, %o: f32) {
  // CHECK-NEXT: %s = arith.subf %x, %y : f32
  // CHECK-NEXT: linalg.yield %s : f32
  %m = linalg.map ins(%a, %b : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) (%x: f32, %y: f32, %o: f32) {
    %s = arith.subf %x, %y : f32
    linalg.yield %s : f32
  }
  // As up to MLIR 21: without the destination's element.
  // CHECK: linalg.map ins(%m : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) (%z: f32) {
  %n = linalg.map ins(%m : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) (%z: f32) {
    linalg.yield %z : f32
  }
  // CHECK: linalg.map ins(%m, %n : tensor<2x3xf32>, tensor<2x3xf32>)
  // CHECK-NEXT: arith.divf
  // CHECK-SAME: fastmath<fast> : f32
  %d = linalg.map { arith.divf {fastmath = #arith.fastmath<fast>} } ins(%m, %n : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>)
  func.return %d : tensor<2x3xf32>
}
