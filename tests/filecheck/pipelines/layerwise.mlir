// RUN: cedr-opt %s -p 'canonicalize,cse,fuse-elementwise,dce,choose{mapping=layerwise},convert-linalg-to-cedr,bufferize,plan-memory{reuse=none},add-dependencies' | filecheck %s

// One call per output and input channel of a convolution, accumulated with zip; all else is CPU work by channel.

// CHECK:      cedr.grid @l0_conv_first [4 parallel] base 0
// CHECK-NEXT:     ins(%[[X:.*]] = %x[0, 0, 0, 0][1, 1, 10, 10] : memref<1x2x10x10xf32>,
// CHECK-NEXT:         %[[W:.*]] = %w[d0, 0, 0, 0][1, 1, 3, 3] : memref<4x2x3x3xf32>)
// CHECK-NEXT:     outs(%[[Y:.*]] = %{{.*}}[0, d0, 0, 0][1, 1, 8, 8] : memref<1x4x8x8xf32>) {
// CHECK-NEXT:   cedr.conv2d ins(%[[X]], %[[W]]) outs(%[[Y]])
// CHECK-NEXT:   cedr.yield
// CHECK:      cedr.grid @l0_conv [4 parallel] base 4
// CHECK-NEXT:     ins(%{{.*}} = %x[0, 1, 0, 0][1, 1, 10, 10]
// CHECK-NEXT:         %{{.*}} = %w[d0, 1, 0, 0][1, 1, 3, 3]
// CHECK:        cedr.conv2d ins({{.*}}) outs(%[[T:.*]])
// CHECK-NEXT:   cedr.zip add ins(%[[T]], %[[Y:.*]]) outs(%[[Y]]) after [raw @l0_conv:0[d0], raw @l0_conv_first:0[d0]]
// CHECK:      cedr.grid @l1_r [4 parallel] base 12
// CHECK:        cedr.kernel @l1_r_k [8, 8] {{.*}} after [raw @l0_conv:1[d0]] {
// CHECK:          arith.addf
// CHECK-NEXT:     arith.maximumf
// CHECK:      cedr.grid @l2_pool [4 parallel] base 16
// CHECK:        cedr.kernel @l2_pool_k [4, 4, 2, 2] {{.*}} after [raw @l1_r:0[d0]] {
// CHECK:      cedr.wait
func.func @main(%x: tensor<1x2x10x10xf32> {cedr.name = "x"}, %w: tensor<4x2x3x3xf32>, %b: tensor<4xf32>) -> (tensor<1x4x4x4xf32> {cedr.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xff800000 : f32
  %e = tensor.empty() : tensor<1x4x8x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %c = linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%x, %w : tensor<1x2x10x10xf32>, tensor<4x2x3x3xf32>) outs(%z : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(n, f, h, w) -> (n, f, h, w)>, affine_map<(n, f, h, w) -> (f)>, affine_map<(n, f, h, w) -> (n, f, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%c, %b : tensor<1x4x8x8xf32>, tensor<4xf32>) outs(%e : tensor<1x4x8x8xf32>) {
  ^bb0(%v: f32, %bias: f32, %o: f32):
    %s = arith.addf %v, %bias : f32
    linalg.yield %s : f32
  } -> tensor<1x4x8x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(n, f, h, w) -> (n, f, h, w)>, affine_map<(n, f, h, w) -> (n, f, h, w)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%d : tensor<1x4x8x8xf32>) outs(%e : tensor<1x4x8x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %m = arith.maximumf %v, %zero : f32
    linalg.yield %m : f32
  } -> tensor<1x4x8x8xf32>
  %k = tensor.empty() : tensor<2x2xf32>
  %f = tensor.empty() : tensor<1x4x4x4xf32>
  %i = linalg.fill ins(%low : f32) outs(%f : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  %y = linalg.pooling_nchw_max {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>} ins(%r, %k : tensor<1x4x8x8xf32>, tensor<2x2xf32>) outs(%i : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  func.return %y : tensor<1x4x4x4xf32>
}
