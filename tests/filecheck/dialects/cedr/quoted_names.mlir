// RUN: CEDR_ROUNDTRIP | filecheck %s

// Grids, kernels and what waits for them may have names that are no identifiers.

// CHECK: cedr.grid @"layer 1.conv" [] base 0
// CHECK: cedr.kernel @"bias+relu" [2] maps [(d0)] ins() outs(%o) after [raw @"0.in":0[]] {
// CHECK: cedr.join @"end of 1" after [raw @"layer 1.conv":0[]]
// CHECK: cedr.wait after [raw @"end of 1":0[]]
func.func @f(%x: memref<2xf32>) {
  cedr.grid @"layer 1.conv" [] base 0 outs(%o = %x[0][2] : memref<2xf32>) {
    cedr.kernel @"bias+relu" [2] maps [(d0)] ins() outs(%o) after [raw @"0.in":0[]] {
    ^bb0(%a: f32):
      cedr.yield %a : f32
    }
    cedr.yield
  }
  cedr.join @"end of 1" after [raw @"layer 1.conv":0[]]
  cedr.wait after [raw @"end of 1":0[]]
  func.return
}
