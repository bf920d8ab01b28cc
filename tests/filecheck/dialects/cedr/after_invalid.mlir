// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// Boxes affine in the waiting grid's indices; lags within the grid's own calls.

// CHECK-LABEL: func.func @own_first_call
func.func @own_first_call(%x: memref<8xf32>) {
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o) after [war lag 2:0]
    cedr.yield
  }
  func.return
}

// -----

func.func @own_second_call(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g 'cedr.zip' waits for call 1, the grid has 1}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o) after [war lag 2:1]
    cedr.yield
  }
  func.return
}

// -----

func.func @lag_of_none(%x: memref<8xf32>) {
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    // expected-error @below {{lag needs a distance >= 1 and a call >= 0, got 0:0}}
    cedr.zip add ins(%o, %o) outs(%o) after [war lag 0:0]
    cedr.yield
  }
  func.return
}

// -----

func.func @kind(%x: memref<8xf32>) {
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    // expected-error @below {{unknown dependency kind 'rar', expected raw, war or waw}}
    cedr.zip add ins(%o, %o) outs(%o) after [rar @h:0[d0]]
    cedr.yield
  }
  func.return
}

// -----

func.func @modulo(%x: memref<8xf32>) {
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    // expected-error @below {{not affine: }}
    cedr.zip add ins(%o, %o) outs(%o) after [raw @h:0[d0 mod 2]]
    cedr.yield
  }
  func.return
}

// -----

func.func @call(%x: memref<8xf32>) {
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    // expected-error @below {{dependency on a negative call index -1}}
    cedr.zip add ins(%o, %o) outs(%o) after [raw @h:-1[d0]]
    cedr.yield
  }
  func.return
}

// -----

func.func @join_over_a_grid_s_index() {
  // expected-error @below {{d0}}
  cedr.join @j after [raw @h:0[d0]]
  func.return
}

// -----

func.func @join_lag() {
  // expected-error @below {{'cedr.join @j' waits for boxes of constant indices}}
  cedr.join @j after [raw lag 1:0]
  func.return
}

// -----

func.func @wait_lag() {
  // expected-error @below {{'cedr.wait' waits for boxes of constant indices}}
  cedr.wait after [raw lag 1:0]
  func.return
}

// -----

func.func @neither(%x: memref<2xf32>) {
  // expected-error @below {{'cedr.grid' @g 'cedr.zip' has an `after` entry that is neither a dependency nor a lag: 1 : i64}}
  "cedr.grid"(%x) <{sym_name = "g", domain = array<i64>, iterator_types = [], windows = [#cedr.window<affine_map<() -> (0)>, [2]>], operandSegmentSizes = array<i32: 0, 1, 0>}> ({
  ^bb0(%o: !cedr.tile<2xf32>):
    "cedr.zip"(%o, %o, %o) <{kind = "add", after = [1 : i64], operandSegmentSizes = array<i32: 2, 1>}> : (!cedr.tile<2xf32>, !cedr.tile<2xf32>, !cedr.tile<2xf32>) -> ()
    "cedr.yield"() : () -> ()
  }) : (memref<2xf32>) -> ()
  func.return
}
