// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// Calls on the grid's own tiles, and nothing else.

// CHECK-LABEL: func.func @reads_and_writes
func.func @reads_and_writes(%x: memref<8xf32>, %y: memref<8xf32>) {
  cedr.grid @g [] ins(%i = %x[0][8] : memref<8xf32>) outs(%o = %y[0][8] : memref<8xf32>) {
    cedr.zip add ins(%i, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @writes_ins(%x: memref<8xf32>, %y: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g call 'cedr.zip' writes a tile of ins}}
  cedr.grid @g [] ins(%i = %x[0][8] : memref<8xf32>) outs(%o = %y[0][8] : memref<8xf32>) {
    cedr.zip add ins(%i, %o) outs(%i)
    cedr.yield
  }
  func.return
}

// -----

func.func @reaches_out(%x: memref<8xf32>, %y: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g call 'cedr.zip' may use the body's tiles only}}
  cedr.grid @g [] ins(%i = %x[0][8] : memref<8xf32>) outs(%o = %y[0][8] : memref<8xf32>) {
    cedr.zip add ins(%i, %x) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @foreign_op(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g body holds cedr calls only, got 'arith.constant'}}
  cedr.grid @g [] outs(%o = %x[0][8] : memref<8xf32>) {
    %c = arith.constant 1.0 : f32
    cedr.yield
  }
  func.return
}

// -----

func.func @grid_in_a_grid(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g body holds cedr calls only, got 'cedr.grid'}}
  cedr.grid @g [] outs(%o = %x[0][8] : memref<8xf32>) {
    cedr.grid @h [] outs(%p = %x[0][8] : memref<8xf32>) {
      cedr.zip add ins(%p, %p) outs(%p)
      cedr.yield
    }
    cedr.yield
  }
  func.return
}

// -----

func.func @yields(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g body holds cedr calls only, got 'cedr.yield'}}
  cedr.grid @g [] outs(%o = %x[0][8] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield %o : !cedr.tile<8xf32>
  }
  func.return
}

// -----

func.func @no_call(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g body must hold a call}}
  cedr.grid @g [] outs(%o = %x[0][8] : memref<8xf32>) {
    cedr.yield
  }
  func.return
}

// -----

func.func @no_yield(%x: memref<8xf32>) {
  cedr.grid @g [] outs(%o = %x[0][8] : memref<8xf32>) {
    // expected-error @below {{cedr.zip terminates block in single-block region but is not a terminator}}
    cedr.zip add ins(%o, %o) outs(%o)
  }
  func.return
}

// -----

func.func @tile_sizes(%x: memref<8xf32>, %y: memref<8xf32>) {
  cedr.grid @g [] ins(%i = %x[0][4] : memref<8xf32>) outs(%o = %y[0][8] : memref<8xf32>) {
    // expected-error @below {{'cedr.zip' operands need one shape, got [4], [4], [8]}}
    cedr.zip add ins(%i, %i) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @result_type(%x: tensor<8xf32>) {
  // expected-error @below {{'cedr.grid' @g needs one result per tensor in outs, of the same type}}
  "cedr.grid"(%x) <{sym_name = "g", domain = array<i64>, iterator_types = [], windows = [#cedr.window<affine_map<() -> (0)>, [8]>], operandSegmentSizes = array<i32: 0, 1, 0>}> ({
  ^bb0(%o: !cedr.tile<8xf32>):
    "cedr.zip"(%o, %o, %o) <{kind = "add", operandSegmentSizes = array<i32: 2, 1>}> : (!cedr.tile<8xf32>, !cedr.tile<8xf32>, !cedr.tile<8xf32>) -> ()
    "cedr.yield"() : () -> ()
  }) : (tensor<8xf32>) -> ()
  func.return
}
