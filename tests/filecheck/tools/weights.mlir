// RUN: cedr-opt %s -p fold-constants --weights-out %t -o %t.mlir && cat %t.mlir | filecheck %s
// RUN: cedr-opt %s -p fold-constants --weights-out %t | filecheck %s --check-prefix=NAMED
// RUN: cedr-opt %s -p fold-constants --weights-out %t && cedr-opt %t.mlir --weights %t -p fold-constants,dce | filecheck %s
// RUN: not cedr-opt %t.mlir --weights %S/weights.mlir 2>&1 | filecheck %s --check-prefix=NO-WEIGHTS
// RUN: not cedr-opt %t.mlir --weights %t.absent 2>&1 | filecheck %s --check-prefix=ABSENT

// A folded constant is a weight named by its content, in the file that the module then names; the name says nothing of the run.

// CHECK:      builtin.module attributes {cedr.weights_file = "{{[^/"]*}}"} {
// CHECK-NEXT:   func.func @f() -> tensor<2x2xf32> {
// CHECK-NEXT:     %[[T:.*]] = cedr.weight @t.{{[0-9a-f]+}} : tensor<2x2xf32>
// CHECK-NEXT:     func.return %[[T]]
// NAMED: cedr.weights_file = "{{.*}}tmp"
// NO-WEIGHTS: weights.mlir
// NO-WEIGHTS-NOT: Traceback
// ABSENT: .absent
func.func @f() -> tensor<2x2xf32> {
  %c = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %t = linalg.transpose ins(%c : tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) permutation = [1, 0]
  func.return %t : tensor<2x2xf32>
}
