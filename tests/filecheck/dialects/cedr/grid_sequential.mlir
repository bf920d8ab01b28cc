// RUN: CEDR_ROUNDTRIP | filecheck %s

// Steps in order, each of which reads what the one before left and writes a row of its own.

func.func @f(%x: memref<5x4xf32>, %s: memref<4xf32>, %y: memref<5x4xf32>) {
  cedr.grid @steps [5 sequential]
      ins(%i = %x[d0, 0][1, 4] : memref<5x4xf32>)
      outs(%o = %s[0][4] : memref<4xf32>,
          %r = %y[d0, 0][1, 4] : memref<5x4xf32>) {
    cedr.kernel @k [4] maps [(0, d0), (d0), (0, d0)] ins(%i) outs(%o, %r) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %v = arith.addf %a, %b : f32
      cedr.yield %v, %v : f32, f32
    }
    cedr.yield
  }
  func.return
}

// CHECK:         cedr.grid @steps [5 sequential]
// CHECK-NEXT:        ins(%i = %x[d0, 0][1, 4] : memref<5x4xf32>)
// CHECK-NEXT:        outs(%o = %s[0][4] : memref<4xf32>,
// CHECK-NEXT:            %r = %y[d0, 0][1, 4] : memref<5x4xf32>) {
