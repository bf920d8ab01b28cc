// RUN: cedr-opt %s --print-op-generic | filecheck %s

// A kernel's properties: init and macs only where they are written.

func.func @f(%x: memref<3xf32>, %y: memref<f32>) {
  // CHECK: "cedr.kernel"(%x, %y) <{sym_name = "sum", bounds = array<i64: 3>, maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], init = [0.000000e+00 : f32], layer_macs = 3 : i64, operandSegmentSizes = array<i32: 1, 1>}> ({
  // CHECK-NEXT: ^bb0(%a: f32, %b: f32):
  // CHECK-NEXT:   %c = "arith.addf"(%b, %a)
  // CHECK-NEXT:   "cedr.yield"(%c) : (f32) -> ()
  // CHECK-NEXT: }) : (memref<3xf32>, memref<f32>) -> ()
  cedr.kernel @sum [3] maps [(d0), ()] init [0.0 : f32] macs 3 ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    cedr.yield %c : f32
  }
  // CHECK-NEXT: "cedr.kernel"(%x) <{sym_name = "ramp", bounds = array<i64: 3>, maps = [affine_map<(d0) -> (((d0 * -1) + 2))>], operandSegmentSizes = array<i32: 0, 1>}> ({
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT:   "cedr.index"() <{dim = 0 : i64}> : () -> index
  cedr.kernel @ramp [3] maps [(2 - d0)] ins() outs(%x) {
  ^bb0(%a: f32):
    %i = cedr.index 0 : index
    cedr.yield %a : f32
  }
  func.return
}
