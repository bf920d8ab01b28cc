// RUN: cedr-opt %s --split-input-file --verify-diagnostics

func.func @out(%y: memref<4xf32>) {
  // expected-error @below {{'cedr.kernel' @k region arguments must be the operands' elements in order, or `in` tiles whole}}
  cedr.kernel @k [4] maps [whole] ins() outs(%y) {
  ^bb0(%b: !cedr.tile<4xf32>):
    %0 = arith.constant 0.0 : f32
    cedr.yield %0 : f32
  }
  func.return
}

// -----

func.func @mapped(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @below {{'cedr.kernel' @k operand 0 comes whole to the region, so that its map is 'whole'}}
  cedr.kernel @k [4] maps [(d0), (d0)] ins(%x) outs(%y) {
  ^bb0(%a: !cedr.tile<4xf32>, %b: f32):
    %0 = arith.constant 0.0 : f32
    cedr.yield %0 : f32
  }
  func.return
}

// -----

func.func @unmapped(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @below {{'cedr.kernel' @k map 0 has 0 results for operand [4]}}
  cedr.kernel @k [4] maps [whole, (d0)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @rank(%x: memref<4x2xf32>, %y: memref<4xf32>) {
  cedr.kernel @k [4] maps [whole, (d0)] ins(%x) outs(%y) {
  ^bb0(%t: !cedr.tile<4x2xf32>, %b: f32):
    %i = cedr.index 0 : index
    // expected-error @below {{'cedr.load' needs 2 indices for !cedr.tile<4x2xf32>, got 1}}
    %v = cedr.load %t[%i] : f32
    cedr.yield %v : f32
  }
  func.return
}

// -----

func.func @element(%x: memref<4xf32>, %y: memref<4xf32>) {
  cedr.kernel @k [4] maps [(d0), (d0)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    %i = cedr.index 0 : index
    // expected-error @below {{cedr.load of f32 from a value of type f32}}
    %v = cedr.load %a[%i] : f32
    cedr.yield %v : f32
  }
  func.return
}
