// RUN: not cedr-opt %s -p canonicalize,bufferize,plan-memory --print-ir-after-all -o %t 2>&1 | filecheck %s

// The IR after every pass that did its work, then what the next one refused; nothing is written.

// CHECK:     // -----// IR Dump After canonicalize //----- //
// CHECK:     func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
// CHECK-NOT: IR Dump
// CHECK:     after_a_pass.mlir:[[# @LINE + 3]]:8: error: bufferize: 'arith.addf' is no grid, view, weight or empty tensor; run convert-linalg-to-cedr first
// CHECK-NOT: error
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = arith.addf %x, %x : tensor<2xf32>
  func.return %0 : tensor<2xf32>
}
