// RUN: cedr-opt %s -p import-linalg --weights-out %t.safetensors | filecheck %s
// RUN: cedr-opt %s -p import-linalg --weights-out %t.safetensors | cedr-opt -p import-linalg | filecheck %s

// In the form of torch-mlir's linalg-on-tensors: biases are what a layer accumulates onto, weights are resources of the
// text, functions have other names than ours.

// CHECK: builtin.module attributes {cedr.model = "import-linalg-layers"
// CHECK-NOT: ml_program
// CHECK: func.func @main(%arg0: tensor<1x2x5x4xf32> {cedr.name = "arg0"}) -> tensor<1x3x1x1xf32> {
// CHECK: cedr.weight @filters : tensor<3x2x3x3xf32>
// CHECK-NEXT: %[[bias:.*]] = cedr.weight @bias : tensor<3xf32>
// CHECK: %[[zero:.*]] = linalg.fill
// CHECK-NEXT: %[[conv:.*]] = linalg.conv_2d_nchw_fchw {{.*}} outs(%[[zero]] : tensor<1x3x3x2xf32>)
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d1)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>]
// CHECK-SAME: ins(%[[conv]], %[[bias]] : tensor<1x3x3x2xf32>, tensor<3xf32>)
// CHECK: arith.addf
// CHECK: into tensor<1x3x1x3x2xf32>
// CHECK: into tensor<3x1x1x3x2xf32>
// CHECK: linalg.conv_2d_ngchw_gfchw
// CHECK-SAME: -> tensor<1x3x1x1x1xf32>
// CHECK: tensor.collapse_shape {{.*}} into tensor<1x3x1x1xf32>
// CHECK-NOT: func.func
module {
  ml_program.global private mutable @global_seed(dense<0> : tensor<i64>) : tensor<i64>
  func.func private @unused(%arg0: tensor<?xf32>) -> tensor<?xf32> {
    return %arg0 : tensor<?xf32>
  }
  func.func @forward(%arg0: tensor<1x2x5x4xf32>) -> tensor<1x3x1x1xf32> {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense_resource<filters> : tensor<3x2x3x3xf32>
    %cst_1 = arith.constant dense_resource<bias> : tensor<3xf32>
    %cst_2 = arith.constant dense_resource<depth> : tensor<3x3x2xf32>
    %0 = tensor.empty() : tensor<1x3x3x2xf32>
    %broadcasted = linalg.broadcast ins(%cst_1 : tensor<3xf32>) outs(%0 : tensor<1x3x3x2xf32>) dimensions = [0, 2, 3]
    %1 = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%arg0, %cst_0 : tensor<1x2x5x4xf32>, tensor<3x2x3x3xf32>) outs(%broadcasted : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
    %2 = tensor.empty() : tensor<1x3x1x1xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<1x3x1x1xf32>) -> tensor<1x3x1x1xf32>
    %4 = linalg.depthwise_conv_2d_nchw_chw {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>} ins(%1, %cst_2 : tensor<1x3x3x2xf32>, tensor<3x3x2xf32>) outs(%3 : tensor<1x3x1x1xf32>) -> tensor<1x3x1x1xf32>
    return %4 : tensor<1x3x1x1xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      filters: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F",
      bias: "0x040000000000803F0000004000004040",
      depth: "0x040000000000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F0000003F"
    }
  }
#-}
