// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @one_point_is_a_power_of_two
func.func @one_point_is_a_power_of_two(%x: memref<2x1xcomplex<f32>>) {
  cedr.fft ins(%x) outs(%x)
  func.return
}

// -----

func.func @length(%x: memref<1x12xcomplex<f32>>) {
  // expected-error @below {{'cedr.fft' needs a power-of-two length, got 12 points}}
  cedr.fft ins(%x) outs(%x)
  func.return
}

// -----

func.func @real(%x: memref<1x8xf32>) {
  // expected-error @below {{'cedr.fft' needs complex elements, got f32}}
  cedr.fft ins(%x) outs(%x)
  func.return
}

// -----

func.func @rows(%x: memref<2x8xcomplex<f32>>, %y: memref<1x8xcomplex<f32>>) {
  // expected-error @below {{'cedr.fft' input is [2, 8], output [1, 8]}}
  cedr.fft inverse ins(%x) outs(%y)
  func.return
}

// -----

func.func @vector(%x: memref<8xcomplex<f32>>) {
  // expected-error @below {{'cedr.fft' operand 0 needs 2 dimensions, got [8]}}
  cedr.fft ins(%x) outs(%x)
  func.return
}

// -----

func.func @precision(%x: memref<1x8xcomplex<f32>>, %y: memref<1x8xcomplex<f64>>) {
  // expected-error @below {{'cedr.fft' operands need one element type}}
  cedr.fft ins(%x) outs(%y)
  func.return
}

// -----

func.func @two(%x: memref<1x8xcomplex<f32>>) {
  // expected-error @below {{'cedr.fft' takes 1 ins and 1 out, got 2 and 1}}
  cedr.fft ins(%x, %x) outs(%x)
  func.return
}
