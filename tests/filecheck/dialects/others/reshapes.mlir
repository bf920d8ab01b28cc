// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

%s, %m = "test.op"() : () -> (tensor<f32>, tensor<1x1xf32>)
// CHECK: tensor.expand_shape %s [] output_shape [1, 1] : tensor<f32> into tensor<1x1xf32>
%e = tensor.expand_shape %s [] output_shape [1, 1] : tensor<f32> into tensor<1x1xf32>
// CHECK: tensor.collapse_shape %m [] : tensor<1x1xf32> into tensor<f32>
%c = tensor.collapse_shape %m [] : tensor<1x1xf32> into tensor<f32>
