// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @fits
func.func @fits(%x: memref<2x3x20xf32>, %w: memref<4x3x5xf32>, %y: memref<2x4x8xf32>) {
  cedr.conv1d strides [2] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @samples(%x: memref<2x3x20xf32>, %w: memref<4x3x5xf32>, %y: memref<2x4x9xf32>) {
  // expected-error @below {{'cedr.conv1d' dimension 2: an input of 20 under a filter of 5 (stride 2, dilation 1) gives 8, got 9}}
  cedr.conv1d strides [2] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @two_strides(%x: memref<2x3x20xf32>, %w: memref<4x3x5xf32>, %y: memref<2x4x8xf32>) {
  // expected-error @below {{'cedr.conv1d' needs 1 positive strides, got [2, 1]}}
  cedr.conv1d strides [2, 1] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @negative_dilation(%x: memref<2x3x20xf32>, %w: memref<4x3x5xf32>, %y: memref<2x4x8xf32>) {
  // expected-error @below {{'cedr.conv1d' needs 1 positive dilations, got [-1]}}
  cedr.conv1d dilations [-1] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @rank(%x: memref<2x3x20x1xf32>, %w: memref<4x3x5xf32>, %y: memref<2x4x8xf32>) {
  // expected-error @below {{'cedr.conv1d' operand 0 needs 3 dimensions, got [2, 3, 20, 1]}}
  cedr.conv1d ins(%x, %w) outs(%y)
  func.return
}
