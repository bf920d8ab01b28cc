// RUN: CEDR_ROUNDTRIP | filecheck %s

// One spelling for equal expressions: terms in the order of the dimensions, one constant, one division, in lowest terms.

// CHECK: cedr.join @a
func.func @f(%x: memref<64x64xf32>, %y: memref<64xf32>) {
  cedr.join @a
  // CHECK-NEXT: cedr.kernel @sums [4, 4] maps [(d0 * 2 + d1 + 3, d0 + d1), (d0)]
  cedr.kernel @sums [4, 4] maps [(3 + d1 + d0 + d0, d1 + d0), (d0)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %b : f32
  }
  // CHECK: cedr.kernel @products [4, 4] maps [(d0 * 6, 0), (d1)]
  cedr.kernel @products [4, 4] maps [((d0 * 2) * 3, d1 * 0), (1 * d1)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %b : f32
  }
  // CHECK: cedr.kernel @divisions [8, 4] maps [(d0, d0 floordiv 4), ((d0 + 1) floordiv 2)]
  cedr.kernel @divisions [8, 4] maps [((d0 * 4) floordiv 4, (d0 floordiv 2) floordiv 2), (d0 ceildiv 2)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %b : f32
  }
  // CHECK: cedr.kernel @differences [4, 4] maps [(-d0 + 3, d0 - d1 + 3), (-d1 * 2 + 6)]
  cedr.kernel @differences [4, 4] maps [(3 - d0, d0 - d1 + 3), (6 - 2 * d1)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %b : f32
  }
  func.return
}
