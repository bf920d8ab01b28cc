// RUN: CEDR_ROUNDTRIP | filecheck %s

// The index of a loop, two outs, and the multiply-accumulates of a layer.

func.func @f(%x: memref<5xf32>, %y: memref<1xf32>, %z: memref<1xi64>) {
  cedr.kernel @argmax [5] maps [(d0), (0), (0)] init [0xff800000 : f32, 0 : i64] macs 5 ins(%x) outs(%y, %z) {
  ^bb0(%a: f32, %b: f32, %c: i64):
    %i = cedr.index 0 : index
    %j = arith.index_cast %i : index to i64
    %g = arith.cmpf ogt, %a, %b : f32
    %m = arith.select %g, %a, %b : f32
    %n = arith.select %g, %j, %c : i64
    cedr.yield %m, %n : f32, i64
  }
  func.return
}

// CHECK-LABEL: func.func @f(%x: memref<5xf32>, %y: memref<1xf32>, %z: memref<1xi64>) {
// CHECK-NEXT:    cedr.kernel @argmax [5] maps [(d0), (0), (0)] init [0xff800000 : f32, 0 : i64] macs 5 ins(%x) outs(%y, %z) {
// CHECK-NEXT:    ^bb0(%a: f32, %b: f32, %c: i64):
// CHECK-NEXT:      %i = cedr.index 0 : index
// CHECK-NEXT:      %j = arith.index_cast %i : index to i64
// CHECK-NEXT:      %g = arith.cmpf ogt, %a, %b : f32
// CHECK-NEXT:      %m = arith.select %g, %a, %b : f32
// CHECK-NEXT:      %n = arith.select %g, %j, %c : i64
// CHECK-NEXT:      cedr.yield %m, %n : f32, i64
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
