// RUN: cedr-opt --verify-diagnostics --split-input-file %s

func.func @conv_strides(%x : tensor<1x3x17xf32>, %w : tensor<4x3x5xf32>, %y : tensor<1x4x7xf32>) {
  // expected-error@below {{'linalg.conv_1d_ncw_fcw' expects 1 positive strides, got [2, 2]}}
  %0 = linalg.conv_1d_ncw_fcw {dilations = dense<1> : tensor<1xi64>, strides = dense<2> : tensor<2xi64>} ins(%x, %w : tensor<1x3x17xf32>, tensor<4x3x5xf32>) outs(%y : tensor<1x4x7xf32>) -> tensor<1x4x7xf32>
  func.return
}

// -----

func.func @conv_channels(%x : tensor<1x3x17xf32>, %w : tensor<4x2x5xf32>, %y : tensor<1x4x13xf32>) {
  // expected-error@below {{inferred input/output operand #1 has shape's dimension #1 to be 3, but found 2}}
  %0 = linalg.conv_1d_ncw_fcw {dilations = dense<1> : tensor<1xi64>, strides = dense<1> : tensor<1xi64>} ins(%x, %w : tensor<1x3x17xf32>, tensor<4x2x5xf32>) outs(%y : tensor<1x4x13xf32>) -> tensor<1x4x13xf32>
  func.return
}

// -----

func.func @pool_too_large(%x : tensor<2x3x16xf32>, %k : tensor<4xf32>, %y : tensor<2x3x5xf32>) {
  // expected-error@below {{inferred input/output operand #0 has shape's dimension #2 to be greater than or equal to 20, but found 16}}
  %0 = linalg.pooling_ncw_max {dilations = dense<1> : tensor<1xi64>, strides = dense<4> : tensor<1xi64>} ins(%x, %k : tensor<2x3x16xf32>, tensor<4xf32>) outs(%y : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  func.return
}

// -----

func.func @pool_dilation(%x : tensor<2x3x16xf32>, %k : tensor<4xf32>, %y : tensor<2x3x4xf32>) {
  // expected-error@below {{'linalg.pooling_ncw_sum' expects 1 positive dilations, got [0]}}
  %0 = linalg.pooling_ncw_sum {dilations = dense<0> : tensor<1xi64>, strides = dense<4> : tensor<1xi64>} ins(%x, %k : tensor<2x3x16xf32>, tensor<4xf32>) outs(%y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return
}

// -----

func.func @pool_rank(%x : tensor<2x3x16xf32>, %k : tensor<4x4xf32>, %y : tensor<2x3x4xf32>) {
  // expected-error@below {{'linalg.pooling_nchw_sum' expects operand #0 of rank 4, got tensor<2x3x16xf32>}}
  %0 = linalg.pooling_nchw_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<4> : tensor<2xi64>} ins(%x, %k : tensor<2x3x16xf32>, tensor<4x4xf32>) outs(%y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return
}

// -----

func.func @pool_types(%x : tensor<2x3x16xf32>, %k : tensor<4xf64>, %y : tensor<2x3x4xf32>) {
  // expected-error@below {{'linalg.pooling_ncw_sum' expects operands of one element type, got f32, f64, f32}}
  %0 = linalg.pooling_ncw_sum {dilations = dense<1> : tensor<1xi64>, strides = dense<4> : tensor<1xi64>} ins(%x, %k : tensor<2x3x16xf32>, tensor<4xf64>) outs(%y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return
}

// -----

func.func @matmul_result(%a : tensor<2x3x4xf32>, %b : tensor<2x4x5xf32>, %c : tensor<2x3x5xf32>) {
  // expected-error@below {{'linalg.batch_matmul' on tensors gives one result of type tensor<2x3x5xf32>, got tensor<2x3x6xf32>}}
  %0 = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x6xf32>
  func.return
}

// -----

func.func @matmul_inner(%a : tensor<2x3x4xf32>, %b : tensor<2x5x5xf32>, %c : tensor<2x3x5xf32>) {
  // expected-error@below {{inferred input/output operand #1 has shape's dimension #1 to be 4, but found 5}}
  %0 = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x5x5xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  func.return
}

// -----

%a, %b, %e = "test.op"() : () -> (tensor<2x3xf32>, tensor<3x2xf32>, tensor<2x3xf32>)
// expected-error@below {{'linalg.map' expects inputs of the destination's shape [2, 3], #1 is tensor<3x2xf32>}}
%m = linalg.map { arith.addf } ins(%a, %b : tensor<2x3xf32>, tensor<3x2xf32>) outs(%e : tensor<2x3xf32>)

// -----

%a, %e = "test.op"() : () -> (tensor<2x3xf32>, tensor<2x3xf32>)
// expected-error@below {{'linalg.map' expects a body of f32, f32, got f64}}
%m = linalg.map ins(%a : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) (%x: f64) {
  linalg.yield %x : f64
}

// -----

%a, %e = "test.op"() : () -> (tensor<2x3xf32>, tensor<2x3xf32>)
// expected-error@below {{no op 'arith.foo', which is to be the body}}
%m = linalg.map { arith.foo } ins(%a : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>)

// -----

%a, %r = "test.op"() : () -> (tensor<2x3xf32>, tensor<2xf32>)
// expected-error@below {{'linalg.reduce' of 2 inputs is not known; write one linalg.reduce each}}
%m = linalg.reduce { arith.addf } ins(%a, %a : tensor<2x3xf32>, tensor<2x3xf32>) outs(%r, %r : tensor<2xf32>, tensor<2xf32>) dimensions = [1]

// -----

%x, %w, %y = "test.op"() : () -> (tensor<1x4x9x8xf32>, tensor<3x3x3xf32>, tensor<1x4x7x6xf32>)
// expected-error@below {{inferred input/output operand #1 has shape's dimension #0 to be 4, but found 3}}
%r = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%x, %w : tensor<1x4x9x8xf32>, tensor<3x3x3xf32>) outs(%y : tensor<1x4x7x6xf32>) -> tensor<1x4x7x6xf32>
