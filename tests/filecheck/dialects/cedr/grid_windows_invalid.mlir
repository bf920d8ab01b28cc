// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// Windows stay inside their operands, and tiles of outs apart.

// CHECK-LABEL: func.func @just_inside
func.func @just_inside(%x: memref<8xf32>) {
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @beyond(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: window leaves its operand in dimension 0: elements 0 to 9 of 8}}
  cedr.grid @g [5 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @below_zero(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: window leaves its operand in dimension 0: elements -1 to 6 of 8}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2 - 1][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @overlap(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: output windows overlap along the parallel dimension d0}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @one_window_for_all(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: output windows overlap along the parallel dimension d1}}
  cedr.grid @g [4 parallel, 3 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @reduction_moves(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: the reduction dimension d0 must update one window, not several}}
  cedr.grid @g [4 reduction] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @offsets(%x: memref<2x8xf32>) {
  // expected-error @below {{a window needs an offset and a positive size per dimension}}
  cedr.grid @g [4 parallel] outs(%o = %x[0, d0 * 2][2] : memref<2x8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @size(%x: memref<8xf32>) {
  // expected-error @below {{a window needs an offset and a positive size per dimension}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][0] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @ranks(%x: memref<2x8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: a window of 1 offsets over 1 dimensions for memref<2x8xf32> in a domain of 1}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<2x8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @division(%x: memref<8xf32>) {
  // expected-error @below {{#cedr.window offsets must be affine without division}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 floordiv 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @no_such_dimension(%x: memref<8xf32>) {
  // expected-error @below {{d1}}
  cedr.grid @g [4 parallel] outs(%o = %x[d1 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @mixed(%x: tensor<8xf32>, %y: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g mixes tensors and buffers}}
  cedr.grid @g [] ins(%i = %x[0][8] : tensor<8xf32>) outs(%o = %y[0][8] : memref<8xf32>) {
    cedr.zip add ins(%i, %i) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @scalar(%x: f32) {
  // expected-error @below {{a grid's operand must be a tensor or a memref}}
  cedr.grid @g [] outs(%o = %x[][] : f32) {
    cedr.yield
  }
  func.return
}
