// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

%a, %b, %c = "test.op"() : () -> (tensor<2x3x4xf32>, tensor<2x5x4xf32>, tensor<2x3x5xf32>)
// CHECK: linalg.batch_matmul indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>] ins(%a, %b : tensor<2x3x4xf32>, tensor<2x5x4xf32>)
%r = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
    ins(%a, %b : tensor<2x3x4xf32>, tensor<2x5x4xf32>) outs(%c : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
