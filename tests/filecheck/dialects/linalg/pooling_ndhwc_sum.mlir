// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s
// RUN: cedr-opt -p linalg-generalize-named-ops %s | filecheck %s --check-prefix=MAPS

// CHECK: linalg.pooling_ndhwc_sum {dilations = dense<1> : vector<3xi64>, strides = dense<2> : vector<3xi64>} ins(%x, %k : tensor<1x4x4x6x2xf32>, tensor<2x2x2xf32>) outs(%y : tensor<1x2x2x3x2xf32>) -> tensor<1x2x2x3x2xf32>
// MAPS: affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, ((d1 * 2) + d5), ((d2 * 2) + d6), ((d3 * 2) + d7), d4)>
// MAPS-SAME: affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d5, d6, d7)>
// MAPS-SAME: affine_map<(d0, d1, d2, d3, d4, d5, d6, d7) -> (d0, d1, d2, d3, d4)>
%x, %k, %y = "test.op"() : () -> (tensor<1x4x4x6x2xf32>, tensor<2x2x2xf32>, tensor<1x2x2x3x2xf32>)
%r = linalg.pooling_ndhwc_sum {dilations = dense<1> : vector<3xi64>, strides = dense<2> : vector<3xi64>} ins(%x, %k : tensor<1x4x4x6x2xf32>, tensor<2x2x2xf32>) outs(%y : tensor<1x2x2x3x2xf32>) -> tensor<1x2x2x3x2xf32>
