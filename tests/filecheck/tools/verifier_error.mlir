// RUN: not cedr-opt %s 2>&1 | filecheck %s

// Every op that does not verify, each at its own place; the place it came from, where it says so.

func.func @f(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>, %z: tensor<2x5xf32>) -> f32 {
  // CHECK: verifier_error.mlir:[[# @LINE + 3]]:8: error: {{.*}}
  // CHECK-NEXT: linalg.matmul
  // CHECK-NEXT: {{^}}       ^
  %0 = linalg.matmul ins(%x, %y : tensor<2x3xf32>, tensor<3x4xf32>) outs(%z : tensor<2x5xf32>) -> tensor<2x5xf32>
  // CHECK: verifier_error.mlir:[[# @LINE + 4]]:3: error: Expected arguments to have the same types
  // CHECK-NEXT: func.return
  // CHECK-NEXT: {{^}}  ^
  // CHECK-NEXT: model.py:7:3: note: the 'func.return' comes from here
  func.return %z : tensor<2x5xf32> loc("model.py":7:3)
}
