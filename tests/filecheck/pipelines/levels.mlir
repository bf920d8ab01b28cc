// RUN: cedr-opt %s -p 'fuse-elementwise,dce,choose{hw=C3}' -o %t && cat %t | filecheck %s --check-prefix=PLANS
// RUN: cedr-opt %t -p convert-linalg-to-cedr -o %t.2 && cat %t.2 | filecheck %s --check-prefix=GRIDS
// RUN: cedr-opt %t.2 -p bufferize -o %t.3 && cat %t.3 | filecheck %s --check-prefix=BUFFERS
// RUN: cedr-opt %t.3 -p plan-memory -o %t.4 && cat %t.4 | filecheck %s --check-prefix=ARENA
// RUN: cedr-opt %t.4 -p add-dependencies | filecheck %s --check-prefix=EVENTS
// RUN: cedr-opt %s -p 'fuse-elementwise,dce,choose{hw=C3},convert-linalg-to-cedr,bufferize,plan-memory,add-dependencies' | filecheck %s --check-prefix=EVENTS

// The levels, each from a file of the one before; in one go the last one is the same.

// PLANS: cedr.platform = #cedr.platform<"zcu102", "C3", "{{[0-9a-f]+}}">
// PLANS: linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<conv2d, [
// PLANS: linalg.generic {{.*}}cedr.plan = #cedr.plan<epilogue>

// GRIDS-NOT: linalg.
// GRIDS: cedr.grid @l0_conv [
// GRIDS: scratch(%{{.*}} : tensor<
// GRIDS-NOT: linalg.
// GRIDS: func.return %{{.*}} : tensor<1x4x4x4xf32>

// BUFFERS: func.func @main(%x: memref<1x2x10x10xf32> {cedr.name = "x"}, {{.*}}%y: memref<1x4x4x4xf32> {cedr.output = "y"}) {
// BUFFERS-NOT: tensor
// BUFFERS: cedr.alloc : memref<1x4x8x8xf32>
// BUFFERS-NOT: tensor
// BUFFERS: cedr.wait

// ARENA: cedr.arena_bytes = {{[0-9]+}} : i64, cedr.arena_bound_bytes = {{[0-9]+}} : i64
// ARENA-NOT: cedr.alloc :
// ARENA: cedr.alloc at {{[0-9]+}} : memref<1x4x8x8xf32>
// ARENA-NOT: after [
// ARENA: cedr.wait

// EVENTS: cedr.grid @l0_conv [{{.*}}] base 0
// EVENTS: cedr.kernel @l0_conv_r {{.*}} after [raw @l0_conv:0[
// EVENTS: cedr.grid @l1_pool [{{.*}}] base
// EVENTS: cedr.kernel @l1_pool_k {{.*}} after [raw @l0_conv:1[
// EVENTS: cedr.wait
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
