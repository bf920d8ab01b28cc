// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK: ml_program.global private mutable @seed(dense<0> : tensor<i64>) : tensor<i64>
// CHECK-NEXT: ml_program.global @w(dense<1.000000e+00> : tensor<2xf32>) : tensor<2xf32>
ml_program.global private mutable @seed(dense<0> : tensor<i64>) : tensor<i64>
ml_program.global @w(dense<1.000000e+00> : tensor<2xf32>) : tensor<2xf32>
// CHECK: %s = ml_program.global_load @seed : tensor<i64>
// CHECK-NEXT: %w = ml_program.global_load_const @w : tensor<2xf32>
// CHECK-NEXT: ml_program.global_store @seed = %s : tensor<i64>
%s = ml_program.global_load @seed : tensor<i64>
%w = ml_program.global_load_const @w : tensor<2xf32>
ml_program.global_store @seed = %s : tensor<i64>
