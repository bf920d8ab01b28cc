// RUN: cedr-opt %s -p 'canonicalize,cse,fuse-elementwise,dce,choose{hw=C2},convert-linalg-to-cedr,bufferize,plan-memory,add-dependencies' | filecheck %s

// A layer's call covers all channels; bias and activation are computed in its grid, from scratch.

// CHECK:      cedr.grid @l0_conv [] base 0
// CHECK-NEXT:     ins(%[[X:.*]] = %x[0, 0, 0, 0][1, 2, 10, 10] : memref<1x2x10x10xf32>,
// CHECK-NEXT:         %[[W:.*]] = %w[0, 0, 0, 0][4, 2, 3, 3] : memref<4x2x3x3xf32>,
// CHECK-NEXT:         %[[B:.*]] = %b[0][4] : memref<4xf32>)
// CHECK-NEXT:     outs(%[[Y:.*]] = %{{.*}}[0, 0, 0, 0][1, 4, 8, 8] : memref<1x4x8x8xf32>)
// CHECK-NEXT:     scratch(%[[T:.*]] = %{{.*}} slot ((0) mod 1) : memref<1x1x4x8x8xf32>) {
// CHECK-NEXT:   cedr.conv2d ins(%[[X]], %[[W]]) outs(%[[T]])
// CHECK-NEXT:   cedr.kernel @l0_conv_r [4, 8, 8] maps [(0, d0, d1, d2), (d0), (0, d0, d1, d2)] ins(%[[T]], %[[B]]) outs(%[[Y]]) after [raw @l0_conv:0[]] {
// CHECK:      cedr.grid @l1_pool [] base 2
// CHECK:        cedr.kernel @l1_pool_k [4, 4, 4, 2, 2] {{.*}} after [raw @l0_conv:1[]] {
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
