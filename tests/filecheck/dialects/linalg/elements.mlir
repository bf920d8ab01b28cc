// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | filecheck %s --check-prefix=BODY

// Narrow integers are extended before they are multiplied; complex elements are moved and multiplied.
%a, %b, %c, %z, %t = "test.op"() : () -> (tensor<3x5xi8>, tensor<5x4xi8>, tensor<3x4xi32>, tensor<2x3xcomplex<f32>>, tensor<3x2xcomplex<f32>>)
// CHECK: linalg.matmul ins(%a, %b : tensor<3x5xi8>, tensor<5x4xi8>) outs(%c : tensor<3x4xi32>) -> tensor<3x4xi32>
// BODY: "arith.extsi"
// BODY: "arith.extsi"
// BODY: "arith.muli"
// BODY-SAME: (i32, i32) -> i32
%m = linalg.matmul ins(%a, %b : tensor<3x5xi8>, tensor<5x4xi8>) outs(%c : tensor<3x4xi32>) -> tensor<3x4xi32>
// CHECK: linalg.transpose ins(%z:tensor<2x3xcomplex<f32>>) outs(%t:tensor<3x2xcomplex<f32>>) permutation = [1, 0]
%s = linalg.transpose ins(%z : tensor<2x3xcomplex<f32>>) outs(%t : tensor<3x2xcomplex<f32>>) permutation = [1, 0]
