// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @any_rank
func.func @any_rank(%x: memref<f32>, %y: memref<2x1x3xi64>) {
  cedr.zip sub ins(%x, %x) outs(%x)
  cedr.zip div ins(%y, %y) outs(%y)
  func.return
}

// -----

func.func @kind(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.zip' has no kind 'max'; the kinds are add, sub, mul, div, cmp_mul}}
  cedr.zip max ins(%x, %x) outs(%x)
  func.return
}

// -----

func.func @no_kind(%x: memref<4xf32>) {
  // expected-error @below {{Expected 'ins'}}
  cedr.zip ins(%x, %x) outs(%x)
  func.return
}

// -----

func.func @shapes(%x: memref<4xf32>, %y: memref<1xf32>) {
  // expected-error @below {{'cedr.zip' operands need one shape, got [4], [1], [4]}}
  cedr.zip add ins(%x, %y) outs(%x)
  func.return
}

// -----

func.func @ranks(%x: memref<4xf32>, %y: memref<2x2xf32>) {
  // expected-error @below {{'cedr.zip' operand 0 needs 2 dimensions, got [4]}}
  cedr.zip add ins(%x, %x) outs(%y)
  func.return
}

// -----

func.func @one_in(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.zip' takes 2 ins and 1 out, got 1 and 1}}
  cedr.zip add ins(%x) outs(%x)
  func.return
}

// -----

func.func @no_out(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.zip' takes 2 ins and 1 out, got 2 and 0}}
  cedr.zip add ins(%x, %x) outs()
  func.return
}
