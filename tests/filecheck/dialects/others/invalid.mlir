// RUN: cedr-opt --verify-diagnostics --split-input-file %s

// expected-error@below {{'ml_program.global' @w is not mutable and has no value}}
ml_program.global private @w : tensor<2xf32>

// -----

%s = "test.op"() : () -> tensor<f32>
// expected-error@below {{'tensor.expand_shape' of a tensor without dimensions groups no dimension, and the other sizes are 1; got tensor<1x2xf32>}}
%e = tensor.expand_shape %s [] output_shape [1, 2] : tensor<f32> into tensor<1x2xf32>

// -----

%s = "test.op"() : () -> tensor<4x2xf32>
// expected-error@below {{expected dimension 0 of collapsed type to be static value of 8}}
%e = tensor.collapse_shape %s [[0, 1]] : tensor<4x2xf32> into tensor<6xf32>

// -----

%s = "test.op"() : () -> tensor<4x2xf32>
// expected-error@below {{'tensor.collapse_shape' changes the element type from tensor<4x2xf32> to tensor<8xf64>}}
%e = tensor.collapse_shape %s [[0, 1]] : tensor<4x2xf32> into tensor<8xf64>

// -----

%x = "test.op"() : () -> tensor<2x3x4xf32>
// expected-error@below {{no op 'tm_tensor.scan'; torch-mlir's own ops (scan, sort, topk, scatter, attention) are not known}}
%y:2 = tm_tensor.scan dimension(1) inclusive(true) ins(%x : tensor<2x3x4xf32>) outs(%x : tensor<2x3x4xf32>)

// -----

%x = "test.op"() : () -> tensor<2x3x4xf32>
// expected-error@below {{no op 'linalg.winograd'; the dialect 'linalg' has no such op}}
%y = linalg.winograd ins(%x : tensor<2x3x4xf32>)
