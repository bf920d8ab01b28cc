// RUN: cedr-opt --print-op-generic %s | filecheck %s
// RUN: cedr-opt --mlir-print-op-generic %s | filecheck %s
// RUN: CEDR_ROUNDTRIP | filecheck %s --check-prefix=CUSTOM

// CHECK: "func.func"() <{sym_name = "f"
// CHECK: "arith.addf"(%x, %x)
// CUSTOM: func.func @f(%x: f32)
// CUSTOM-NEXT: %0 = arith.addf %x, %x : f32
func.func @f(%x: f32) -> f32 {
  %0 = arith.addf %x, %x : f32
  func.return %0 : f32
}
