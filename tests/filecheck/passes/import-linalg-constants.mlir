// RUN: cedr-opt %s -p import-linalg --weights-out %t.safetensors | filecheck %s
// RUN: cedr-opt %s -p import-linalg | filecheck %s --check-prefix=STAYS

// A constant of more than 16 elements is a weight, named after its content, where there is a file for weights; a splat and
// a variable that nothing writes are constants.
// CHECK: cedr.weight @constant.{{[0-9a-f]+}} : tensor<17xi64>
// CHECK: arith.constant dense<1.000000e+00> : tensor<32xf32>
// CHECK: arith.constant dense<[3, 4]> : tensor<2xi64>
// CHECK-NOT: ml_program
// STAYS: arith.constant dense<[0, 1, 2
ml_program.global private @pair(dense<[3, 4]> : tensor<2xi64>) : tensor<2xi64>
func.func @main() -> (tensor<17xi64>, tensor<32xf32>, tensor<2xi64>) {
  %a = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]> : tensor<17xi64>
  %b = arith.constant dense<1.0> : tensor<32xf32>
  %c = ml_program.global_load_const @pair : tensor<2xi64>
  func.return %a, %b, %c : tensor<17xi64>, tensor<32xf32>, tensor<2xi64>
}
