// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s --allow-empty

// What the dialect refuses, one of each op; tests/dialects/test_cedr_refusals.py has every message.

// CHECK-NOT: error

func.func @gemm(%a: memref<4x6xf32>, %b: memref<7x5xf32>, %c: memref<4x5xf32>) {
  // expected-error @below {{'cedr.gemm' A is 4x6, B has an inner size of 7}}
  cedr.gemm ins(%a, %b) outs(%c)
  func.return
}

// -----

func.func @conv2d(%x: memref<1x3x9x8xf32>, %w: memref<4x3x3x3xf32>, %y: memref<1x4x6x6xf32>) {
  // expected-error @below {{'cedr.conv2d' dimension 2: an input of 9 under a filter of 3 (stride 1, dilation 1) gives 7, got 6}}
  cedr.conv2d ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @conv1d(%x: memref<1x3x9xf32>, %w: memref<4x2x3xf32>, %y: memref<1x4x7xf32>) {
  // expected-error @below {{'cedr.conv1d' input has 3 channels, filter takes 2}}
  cedr.conv1d ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @fft(%x: memref<1x12xcomplex<f32>>) {
  // expected-error @below {{'cedr.fft' needs a power-of-two length, got 12 points}}
  cedr.fft ins(%x) outs(%x)
  func.return
}

// -----

func.func @zip(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.zip' has no kind 'max'; the kinds are add, sub, mul, div, cmp_mul}}
  cedr.zip max ins(%x, %x) outs(%x)
  func.return
}

// -----

func.func @kernel(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.kernel' @k map 0 reaches elements 1 to 4 in dimension 0 of [4]}}
  cedr.kernel @k [4] maps [(d0 + 1)] ins() outs(%x) {
  ^bb0(%a: f32):
    cedr.yield %a : f32
  }
  func.return
}

// -----

func.func @grid_window(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: window leaves its operand in dimension 0: elements 0 to 9 of 8}}
  cedr.grid @g [5 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @grid_overlap(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g operand 0: output windows overlap along the parallel dimension d0}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  func.return
}

// -----

func.func @lag(%x: memref<8xf32>) {
  // expected-error @below {{'cedr.grid' @g 'cedr.zip' waits for call 1, the grid has 1}}
  cedr.grid @g [4 parallel] outs(%o = %x[d0 * 2][2] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o) after [war lag 2:1]
    cedr.yield
  }
  func.return
}

// -----

func.func @alloc() {
  // expected-error @below {{'cedr.alloc' needs an offset >= 0, got -4}}
  %0 = cedr.alloc at -4 : memref<4xf32>
  func.return
}

// -----

func.func @view(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.view' keeps the elements, got memref<4xf32> to memref<5xf32>}}
  %0 = cedr.view %x : memref<4xf32> to memref<5xf32>
  func.return
}

// -----

func.func @wait() {
  // expected-error @below {{'cedr.wait' waits for boxes of constant indices}}
  cedr.wait after [raw lag 1:0]
  func.return
}
