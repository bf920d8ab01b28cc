// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @fits
func.func @fits(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>) {
  cedr.conv2d ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @channels(%x: memref<2x5x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' input has 5 channels, filter takes 3}}
  cedr.conv2d ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @images(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<1x4x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' output needs 2 images of 4 channels, got 1 of 4}}
  cedr.conv2d ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @filters(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x5x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' output needs 2 images of 4 channels, got 2 of 5}}
  cedr.conv2d ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @rows(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x8x7xf32>) {
  // expected-error @below {{'cedr.conv2d' dimension 2: an input of 9 under a filter of 3 (stride 1, dilation 1) gives 7, got 8}}
  cedr.conv2d ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @strided_columns(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' dimension 3: an input of 8 under a filter of 2 (stride 3, dilation 1) gives 3, got 7}}
  cedr.conv2d strides [1, 3] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @filter_beyond_the_input(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' dimension 2: an input of 9 under a filter of 3 (stride 1, dilation 5) gives 0, got 7}}
  cedr.conv2d dilations [5, 1] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @one_stride(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' needs 2 positive strides, got [1]}}
  cedr.conv2d strides [1] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @no_dilation(%x: memref<2x3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' needs 2 positive dilations, got [1, 0]}}
  cedr.conv2d dilations [1, 0] ins(%x, %w) outs(%y)
  func.return
}

// -----

func.func @rank(%x: memref<3x9x8xf32>, %w: memref<4x3x3x2xf32>, %y: memref<2x4x7x7xf32>) {
  // expected-error @below {{'cedr.conv2d' operand 0 needs 4 dimensions, got [3, 9, 8]}}
  cedr.conv2d ins(%x, %w) outs(%y)
  func.return
}
