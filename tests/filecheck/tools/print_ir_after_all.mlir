// RUN: cedr-opt -p dce,cse --print-ir-after-all %s -o %t 2>&1 | filecheck %s --check-prefix=DUMP
// RUN: cat %t | filecheck %s

// After every pass, the last one too, on stderr; the result alone on stdout.

// DUMP: // -----// IR Dump After dce //----- //
// DUMP-NEXT: builtin.module {
// DUMP: arith.addf %x, %x : f32
// DUMP-NEXT: arith.addf %x, %x : f32
// DUMP-NEXT: func.return
// DUMP: // -----// IR Dump After cse //----- //
// DUMP: %[[A:.*]] = arith.addf %x, %x : f32
// DUMP-NEXT: func.return %[[A]], %[[A]]
// DUMP-NOT: IR Dump

// CHECK-NOT: IR Dump
// CHECK: builtin.module
// CHECK: %[[A:.*]] = arith.addf %x, %x : f32
// CHECK-NEXT: func.return %[[A]], %[[A]]
func.func @f(%x: f32) -> (f32, f32) {
  %0 = arith.addf %x, %x : f32
  %1 = arith.addf %x, %x : f32
  %2 = arith.mulf %x, %x : f32
  func.return %0, %1 : f32, f32
}
