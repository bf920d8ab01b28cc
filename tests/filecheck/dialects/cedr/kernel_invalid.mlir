// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @half_of_the_input
func.func @half_of_the_input(%x: memref<8xf32>, %y: memref<4xf32>) {
  cedr.kernel @even [4] maps [(d0 * 2), (d0)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @beyond(%x: memref<8xf32>, %y: memref<4xf32>) {
  // expected-error @below {{'cedr.kernel' @odd map 0 reaches elements 2 to 8 in dimension 0 of [8]}}
  cedr.kernel @odd [4] maps [(d0 * 2 + 2), (d0)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @below_zero(%x: memref<8xf32>, %y: memref<4xf32>) {
  // expected-error @below {{'cedr.kernel' @k map 1 reaches elements -1 to 2 in dimension 0 of [4]}}
  cedr.kernel @k [4] maps [(d0), (d0 - 1)] ins(%x) outs(%y) {
  ^bb0(%a: f32, %b: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @no_points(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.kernel' @k needs positive bounds, got [0]}}
  cedr.kernel @k [0] maps [(d0)] ins() outs(%x) {
  ^bb0(%a: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @maps(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.kernel' @k has 2 maps for 1 operands}}
  cedr.kernel @k [8] maps [(d0), (d0)] ins() outs(%x) {
  ^bb0(%a: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @results_of_a_map(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.kernel' @k map 0 has 2 results for operand [8]}}
  cedr.kernel @k [8] maps [(0, d0)] ins() outs(%x) {
  ^bb0(%a: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @modulo(%x: memref<8xf32>) {
  // expected-error @below {{not affine: }}
  cedr.kernel @k [8] maps [(d0 mod 4)] ins() outs(%x) {
  ^bb0(%a: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @arguments(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.kernel' @k region arguments must be the operands' elements in order}}
  cedr.kernel @k [8] maps [(d0)] ins() outs(%x) {
  ^bb0(%a: f64):
    cedr.yield %a : f64
  }
  func.return
}

// -----

func.func @yields_nothing(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.kernel' @k region must end in a cedr.yield of one element per out}}
  cedr.kernel @k [8] maps [(d0)] ins() outs(%x) {
  ^bb0(%a: f32):
    cedr.yield
  }
  func.return
}

// -----

func.func @init_values(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.kernel' @k has 2 init values for 1 outs}}
  cedr.kernel @k [8] maps [(d0)] init [0.0 : f32, 1.0 : f32] ins() outs(%x) {
  ^bb0(%a: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @loop_index(%x: memref<8xindex>) {
  // expected-error @below {{'cedr.kernel' @k has no loop index 1, bounds are [8]}}
  cedr.kernel @k [8] maps [(d0)] ins() outs(%x) {
  ^bb0(%a: index):
    %i = cedr.index 1 : index
    cedr.yield %i : index
  }
  func.return
}

// -----

func.func @nested(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.kernel' @k region may hold scalar operations only, got 'test.op'}}
  cedr.kernel @k [8] maps [(d0)] ins() outs(%x) {
  ^bb0(%a: f32):
    "test.op"() ({
      "test.termop"() : () -> ()
    }) : () -> ()
    cedr.yield %a : f32
  }
  func.return
}
