// RUN: not cedr-opt %s 2>&1 | filecheck %s
// RUN: not cedr-opt < %s 2>&1 | filecheck %s --check-prefix=STDIN

// CHECK: parse_error.mlir:[[# @LINE + 6]]:41: error:
// CHECK-NEXT: {{^}}  %0 = "arith.addf"(%x, %x) : (f32, f32 -> f32
// CHECK-NEXT: {{^}}{{ +}}^
// CHECK-NOT: Traceback
// STDIN: <stdin>:[[# @LINE + 2]]:41: error:
func.func @f(%x: f32) -> f32 {
  %0 = "arith.addf"(%x, %x) : (f32, f32 -> f32
  func.return %0 : f32
}
