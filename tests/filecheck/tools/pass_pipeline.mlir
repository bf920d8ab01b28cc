// RUN: cedr-opt --pass-pipeline='builtin.module( cse , func.func(dce) )' %s | filecheck %s
// RUN: cedr-opt --pass-pipeline='builtin.module(func.func(cse, dce))' %s | filecheck %s
// RUN: cedr-opt -p 'cse, dce' %s | filecheck %s
// RUN: cedr-opt --passes=cse,dce %s | filecheck %s
// RUN: cedr-opt -p '' %s | filecheck %s --check-prefix=UNTOUCHED
// RUN: cedr-opt --pass-pipeline='builtin.module()' %s | filecheck %s --check-prefix=UNTOUCHED

// CHECK: func.func @f
// CHECK-NEXT: %[[A:.*]] = arith.addf
// CHECK-NEXT: func.return %[[A]], %[[A]]
// UNTOUCHED: arith.addf
// UNTOUCHED-NEXT: arith.addf
// UNTOUCHED-NEXT: arith.mulf
func.func @f(%x: f32) -> (f32, f32) {
  %0 = arith.addf %x, %x : f32
  %1 = arith.addf %x, %x : f32
  %2 = arith.mulf %x, %x : f32
  func.return %0, %1 : f32, f32
}
