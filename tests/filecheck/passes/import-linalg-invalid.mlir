// RUN: cedr-opt %s -p import-linalg --verify-diagnostics --split-input-file --weights-out %t.safetensors

// expected-error@below {{import-linalg: 'builtin.module' has no function @main or @forward; its functions are @encode, @decode; call the model's one @main}}
module {
  func.func @encode(%x: tensor<2xf32>) -> tensor<2xf32> {
    return %x : tensor<2xf32>
  }
  func.func @decode(%x: tensor<2xf32>) -> tensor<2xf32> {
    return %x : tensor<2xf32>
  }
}

// -----

// expected-error@below {{import-linalg: 'func.func' argument 0 is tensor<?x4xf32>: sizes have to be known when it is compiled; export the model with example inputs of fixed shapes}}
func.func @main(%x: tensor<?x4xf32>, %y: tensor<2x4xf32>) -> tensor<?x4xf32> {
  // expected-error@below {{import-linalg: 'tensor.concat' gives tensor<?x4xf32>: sizes have to be known}}
  %z = tensor.concat dim(0) %x, %y : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// -----

// expected-error@below {{import-linalg: 'func.func' argument 1 is f32, no tensor; make it a tensor without dims}}
func.func @main(%x: tensor<2xf32>, %y: f32) -> f32 {
  // expected-error@below {{import-linalg: 'func.return' returns f32, no tensor; return it in a tensor (tensor.from_elements)}}
  return %y : f32
}

// -----

func.func private @helper(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error@below {{import-linalg: 'func.call' calls @helper; inline it first (mlir-opt --inline)}}
  %y = func.call @helper(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @main() -> tensor<2xf32> {
  // expected-error@below {{import-linalg: 'arith.constant' names the resource 'w' of 4 bytes, where tensor<2xf32> has 8}}
  %w = arith.constant dense_resource<w> : tensor<2xf32>
  return %w : tensor<2xf32>
}
{-# dialect_resources: { builtin: { w: "0x040000000000803F" } } #-}

// -----

func.func @main() -> tensor<2xf32> {
  // expected-error@below {{import-linalg: 'arith.constant' names the resource 'w', whose bytes are not in the text's {-# dialect_resources #-}}}
  %w = arith.constant dense_resource<w> : tensor<2xf32>
  return %w : tensor<2xf32>
}

// -----

ml_program.global private mutable @seed(dense<0> : tensor<i64>) : tensor<i64>
func.func @main(%x: tensor<i64>) -> tensor<i64> {
  // expected-error@below {{import-linalg: 'ml_program.global_load' reads @sed, which the module lacks; there are @seed}}
  %s = ml_program.global_load @sed : tensor<i64>
  // expected-error@below {{import-linalg: 'ml_program.global_store' writes a variable that lives from run to run, which a compiled model has not}}
  ml_program.global_store @seed = %x : tensor<i64>
  return %s : tensor<i64>
}

// -----

func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %fits = arith.cmpi sgt, %c4, %c5 : index
  // expected-error@below {{import-linalg: 'cf.assert' asserts "sizes", which does not hold}}
  cf.assert %fits, "sizes"
  return %x : tensor<2xf32>
}
