// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// A ring of slots on buffers, a type on tensors.

// CHECK-LABEL: func.func @ring_of_two
func.func @ring_of_two(%x: memref<8xf32>, %r: memref<2x2xf32>) {
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>)
      scratch(%t = %r slot ((d0) mod 2) : memref<2x2xf32>) {
    cedr.zip add ins(%o, %o) outs(%t)
    cedr.zip add ins(%t, %t) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @slots(%x: memref<8xf32>, %r: memref<2x2xf32>) {
  // expected-error @below {{a tile's slot must be ((d0) mod 2)}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) scratch(%t = %r slot ((d0) mod 4) : memref<2x2xf32>) {
    cedr.zip add ins(%o, %o) outs(%t)
    cedr.yield
  }
  func.return
}

// -----

func.func @index(%x: memref<2x8xf32>, %r: memref<2x1x2xf32>) {
  // expected-error @below {{a tile's slot must be ((d0 * 4 + d1) mod 2)}}
  cedr.grid @g [2 parallel, 4 parallel] outs(%o = %x[d0, d1 * 2][1, 2] : memref<2x8xf32>) scratch(%t = %r slot ((d1) mod 2) : memref<2x1x2xf32>) {
    cedr.zip add ins(%o, %o) outs(%t)
    cedr.yield
  }
  func.return
}

// -----

func.func @no_ring(%x: memref<8xf32>, %r: memref<2xf32>) {
  // expected-error @below {{a scratch ring must be a memref of slots x tile}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) scratch(%t = %r slot ((d0) mod 2) : memref<2xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @no_type(%x: tensor<8xf32>) {
  // expected-error @below {{scratch without a buffer needs a tensor type}}
  %0 = cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : tensor<8xf32>) scratch(%t : memref<2xf32>) {
    cedr.zip add ins(%o, %o) outs(%t)
    cedr.yield
  }
  func.return
}

// -----

func.func @ring_on_tensors(%x: tensor<8xf32>, %r: memref<2x2xf32>) {
  // expected-error @below {{'cedr.grid' @g on tensors has no scratch buffers}}
  %0 = cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : tensor<8xf32>) scratch(%t = %r slot ((d0) mod 2) : memref<2x2xf32>) {
    cedr.zip add ins(%o, %o) outs(%t)
    cedr.yield
  }
  func.return
}

// -----

func.func @type_on_buffers(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g body arguments must be !cedr.tile<2xf32>; got !cedr.tile<2xf32>, !cedr.tile<2xf32>}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) scratch(%t : tensor<2xf32>) {
    cedr.zip add ins(%o, %o) outs(%t)
    cedr.yield
  }
  func.return
}
