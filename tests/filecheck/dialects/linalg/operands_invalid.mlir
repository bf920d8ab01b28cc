// RUN: cedr-opt --verify-diagnostics --split-input-file %s

// How many operands and results a named op takes.

func.func @three_factors(%a : tensor<2x3x3xf32>) {
  // expected-error @below {{'linalg.batch_matmul' expects 2 inputs and 1 output, got 3 and 1}}
  %0 = linalg.batch_matmul ins(%a, %a, %a : tensor<2x3x3xf32>, tensor<2x3x3xf32>, tensor<2x3x3xf32>) outs(%a : tensor<2x3x3xf32>) -> tensor<2x3x3xf32>
  func.return
}

// -----

func.func @no_result(%a : tensor<2x3x4xf32>, %b : tensor<2x4x5xf32>, %c : tensor<2x3x5xf32>) {
  // expected-error @below {{'linalg.batch_matmul' on tensors gives one result of type tensor<2x3x5xf32>, got none}}
  linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%c : tensor<2x3x5xf32>)
  func.return
}

// -----

func.func @result_of_memrefs(%a : memref<2x3x4xf32>, %b : memref<2x4x5xf32>, %c : memref<2x3x5xf32>) {
  // expected-error @below {{'linalg.batch_matmul' on memrefs has no result, got tensor<2x3x5xf32>}}
  %0 = linalg.batch_matmul ins(%a, %b : memref<2x3x4xf32>, memref<2x4x5xf32>) outs(%c : memref<2x3x5xf32>) -> tensor<2x3x5xf32>
  func.return
}

// -----

func.func @no_filter_rank(%x : tensor<1x3x17xf32>, %w : tensor<4x3xf32>, %y : tensor<1x4x13xf32>) {
  // expected-error @below {{'linalg.conv_1d_ncw_fcw' expects operand #1 of rank 3, got tensor<4x3xf32>}}
  %0 = linalg.conv_1d_ncw_fcw {dilations = dense<1> : tensor<1xi64>, strides = dense<1> : tensor<1xi64>} ins(%x, %w : tensor<1x3x17xf32>, tensor<4x3xf32>) outs(%y : tensor<1x4x13xf32>) -> tensor<1x4x13xf32>
  func.return
}
