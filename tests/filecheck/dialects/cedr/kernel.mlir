// RUN: CEDR_ROUNDTRIP | filecheck %s

// A scalar region over bounds: nearest upsampling, and a reduction with init.

func.func @f(%x: memref<2x3xf32>, %y: memref<2x12xf32>, %s: memref<2xf32>) {
  cedr.kernel @up [2, 12] maps [(d0, d1 floordiv 4), (d0, d1)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %a : f32
  }
  cedr.kernel @sum [2, 3] maps [(d0, d1), (d0)] init [0.0 : f32] ins(%x) outs(%s) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    cedr.yield %c : f32
  }
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<2x3xf32>, %y: memref<2x12xf32>, %s: memref<2xf32>) {
// CHECK-NEXT:    cedr.kernel @up [2, 12] maps [(d0, d1 floordiv 4), (d0, d1)] ins(%x) outs(%y) {
// CHECK-NEXT:    ^bb0(%a: f32, %b: f32):
// CHECK-NEXT:      cedr.yield %a : f32
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.kernel @sum [2, 3] maps [(d0, d1), (d0)] init [0.000000e+00 : f32] ins(%x) outs(%s) {
// CHECK-NEXT:    ^bb0(%a_1: f32, %b_1: f32):
// CHECK-NEXT:      %c = arith.addf %b_1, %a_1 : f32
// CHECK-NEXT:      cedr.yield %c : f32
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
