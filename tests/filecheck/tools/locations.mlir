// RUN: cedr-opt --print-debuginfo %s | filecheck %s
// RUN: cedr-opt --mlir-print-debuginfo %s | cedr-opt --mlir-print-debuginfo | filecheck %s
// RUN: cedr-opt %s | filecheck %s --check-prefix=WITHOUT

// What says where it comes from keeps it; what does not comes from its line here.

// WITHOUT-NOT: loc(
func.func @f(%x: f32) -> f32 {
  // CHECK: arith.addf %x, %x : f32 loc("model.py":12:0)
  %0 = arith.addf %x, %x : f32 loc("model.py":12:0)
  // CHECK: arith.mulf %0, %0 : f32 loc("aten.mul.Tensor"("model.py":13:4))
  %1 = arith.mulf %0, %0 : f32 loc("aten.mul.Tensor"("model.py":13:4))
  // CHECK: arith.subf %1, %0 : f32 loc(unknown)
  %2 = arith.subf %1, %0 : f32 loc(unknown)
  // CHECK: arith.divf %2, %0 : f32 loc("{{.*}}locations.mlir":[[# @LINE + 1]]:8)
  %3 = arith.divf %2, %0 : f32
  func.return %3 : f32
}
