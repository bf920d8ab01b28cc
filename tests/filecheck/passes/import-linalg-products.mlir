// RUN: cedr-opt %s -p import-linalg | filecheck %s
// RUN: cedr-opt %s -p convert-linalg-to-cedr --verify-diagnostics

// A product that no call computes becomes a generic: the first factor of a batch transposed, factors narrower than the sum.
// CHECK-LABEL: func.func @main
// CHECK-NOT: matmul
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d3, d1)>, affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>]
// CHECK: linalg.generic
// CHECK: arith.extf
// CHECK: arith.extf
// CHECK: arith.mulf
func.func @main(%a: tensor<2x4x3xf32>, %b: tensor<2x4x5xf32>, %p: tensor<3x5xf16>, %q: tensor<5x4xf16>) -> (tensor<2x3x5xf32>, tensor<3x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3x5xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  // expected-error@below {{convert-linalg-to-cedr: 'linalg.batch_matmul' has indexing maps that 'gemm' has not: A[b,m,k], B[b,k,n] or B[b,n,k], C[b,m,n]; run import-linalg first}}
  %r = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (b, k, m)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%a, %b : tensor<2x4x3xf32>, tensor<2x4x5xf32>) outs(%z : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %f = tensor.empty() : tensor<3x4xf32>
  %y = linalg.fill ins(%zero : f32) outs(%f : tensor<3x4xf32>) -> tensor<3x4xf32>
  // expected-error@below {{convert-linalg-to-cedr: 'linalg.matmul' mixes element types, which 'gemm' does not; plan it as kernel}}
  %s = linalg.matmul ins(%p, %q : tensor<3x5xf16>, tensor<5x4xf16>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  func.return %r, %s : tensor<2x3x5xf32>, tensor<3x4xf32>
}
