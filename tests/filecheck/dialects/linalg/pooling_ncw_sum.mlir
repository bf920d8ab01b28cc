// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x : tensor<2x3x16xf32>, %k : tensor<4xf32>, %y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // CHECK: linalg.pooling_ncw_sum {{{.*}}} ins(%x, %k : tensor<2x3x16xf32>, tensor<4xf32>) outs(%y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %0 = linalg.pooling_ncw_sum {dilations = dense<1> : tensor<1xi64>, strides = dense<4> : tensor<1xi64>} ins(%x, %k : tensor<2x3x16xf32>, tensor<4xf32>) outs(%y : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  func.return %0 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @integers_on_memrefs
func.func @integers_on_memrefs(%x : memref<2x3x16xi32>, %k : memref<4xi32>, %y : memref<2x3x7xi32>) {
  // CHECK: linalg.pooling_ncw_sum {{{.*}}} ins(%x, %k : memref<2x3x16xi32>, memref<4xi32>) outs(%y : memref<2x3x7xi32>)
  linalg.pooling_ncw_sum {dilations = dense<1> : tensor<1xi64>, strides = dense<2> : tensor<1xi64>} ins(%x, %k : memref<2x3x16xi32>, memref<4xi32>) outs(%y : memref<2x3x7xi32>)
  func.return
}
