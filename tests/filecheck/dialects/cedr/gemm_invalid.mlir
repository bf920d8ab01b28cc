// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @fits
func.func @fits(%a: memref<4x6xf32>, %b: memref<6x5xf32>, %c: memref<4x5xf32>) {
  cedr.gemm ins(%a, %b) outs(%c)
  func.return
}

// -----

func.func @inner(%a: memref<4x6xf32>, %b: memref<7x5xf32>, %c: memref<4x5xf32>) {
  // expected-error @below {{'cedr.gemm' A is 4x6, B has an inner size of 7}}
  cedr.gemm ins(%a, %b) outs(%c)
  func.return
}

// -----

func.func @inner_transposed(%a: memref<4x6xf32>, %b: memref<6x5xf32>, %c: memref<4x6xf32>) {
  // expected-error @below {{'cedr.gemm' A is 4x6, B has an inner size of 5}}
  cedr.gemm transpose_b ins(%a, %b) outs(%c)
  func.return
}

// -----

func.func @result(%a: memref<4x6xf32>, %b: memref<6x5xf32>, %c: memref<5x4xf32>) {
  // expected-error @below {{'cedr.gemm' result is 4x5, got 5x4}}
  cedr.gemm ins(%a, %b) outs(%c)
  func.return
}

// -----

func.func @rank(%a: memref<1x4x6xf32>, %b: memref<6x5xf32>, %c: memref<4x5xf32>) {
  // expected-error @below {{'cedr.gemm' operand 0 needs 2 dimensions, got [1, 4, 6]}}
  cedr.gemm ins(%a, %b) outs(%c)
  func.return
}

// -----

func.func @element_type(%a: memref<4x6xf32>, %b: memref<6x5xf16>, %c: memref<4x5xf32>) {
  // expected-error @below {{'cedr.gemm' operands need one element type, got memref<4x6xf32>, memref<6x5xf16>, memref<4x5xf32>}}
  cedr.gemm ins(%a, %b) outs(%c)
  func.return
}

// -----

func.func @arity(%a: memref<4x4xf32>) {
  // expected-error @below {{'cedr.gemm' takes 2 ins and 1 out, got 3 and 1}}
  cedr.gemm ins(%a, %a, %a) outs(%a)
  func.return
}

// -----

func.func @dynamic(%a: memref<?x4xf32>, %b: memref<4x4xf32>) {
  // expected-error @below {{'cedr.gemm' needs static shapes, got memref<?x4xf32>}}
  cedr.gemm ins(%a, %b) outs(%a)
  func.return
}

// -----

func.func @undefined(%a: memref<4x4xf32>) {
  // expected-error @below {{%b is not defined before this use}}
  cedr.gemm ins(%a, %b) outs(%a)
  func.return
}

// -----

func.func @no_result(%a: tensor<4x4xf32>) {
  // expected-error @below {{'cedr.gemm' needs one result per tensor in outs, of the same type}}
  "cedr.gemm"(%a, %a, %a) <{operandSegmentSizes = array<i32: 2, 1>}> : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> ()
  func.return
}

// -----

func.func @mixed(%a: tensor<4x4xf32>, %m: memref<4x4xf32>) {
  // expected-error @below {{'cedr.gemm' mixes tensors and memory in outs}}
  %0 = "cedr.gemm"(%a, %a, %a, %m) <{operandSegmentSizes = array<i32: 2, 2>}> : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, memref<4x4xf32>) -> tensor<4x4xf32>
  func.return
}
