// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// Parallel dimensions, and at most one that is not, the innermost.

// CHECK-LABEL: func.func @innermost
func.func @innermost(%x: memref<4xf32>) {
  cedr.grid @g [2 parallel, 3 reduction] outs(%o = %x[d0 * 2][2] : memref<4xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @outermost(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.grid' @g takes parallel dimensions and at most one that is not, the innermost; got ['reduction', 'parallel']}}
  cedr.grid @g [3 reduction, 2 parallel] outs(%o = %x[d1 * 2][2] : memref<4xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @two(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.grid' @g takes parallel dimensions and at most one that is not, the innermost; got ['reduction', 'reduction']}}
  cedr.grid @g [3 reduction, 2 reduction] outs(%o = %x[0][4] : memref<4xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @kind(%x: memref<4xf32>) {
  // expected-error @below {{unknown iterator kind 'serial', expected parallel, reduction or sequential}}
  cedr.grid @g [2 serial] outs(%o = %x[d0 * 2][2] : memref<4xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @empty(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.grid' @g needs a domain of positive extents, got [0]}}
  cedr.grid @g [0 parallel] outs(%o = %x[d0 * 2][2] : memref<4xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}
