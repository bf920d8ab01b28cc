// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// An epilogue reads its producer's tile from scratch and writes the out window, in one grid.

func.func @main(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>) -> tensor<1x4x8x8xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<1x4x8x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %y = linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<conv2d, [0, 2, 4, 0, 0, 0, 0], {slots = 4 : i64}>, dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x3x10x10xf32>, tensor<4x3x3x3xf32>) outs(%z : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %e = tensor.empty() : tensor<1x4x8x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d1)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y, %b : tensor<1x4x8x8xf32>, tensor<4xf32>) outs(%e : tensor<1x4x8x8xf32>) attrs = {cedr.plan = #cedr.plan<epilogue>} {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<1x4x8x8xf32>
  func.return %r : tensor<1x4x8x8xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>) -> tensor<1x4x8x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x4x8x8xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_conv [2 parallel, 2 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, 0, d1 * 4, 0][1, 3, 6, 10] : tensor<1x3x10x10xf32>,
// CHECK-NEXT:            %i1 = %w[d0 * 2, 0, 0, 0][2, 3, 3, 3] : tensor<4x3x3x3xf32>,
// CHECK-NEXT:            %i2 = %b[d0 * 2][2] : tensor<4xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, d0 * 2, d1 * 4, 0][1, 2, 4, 8] : tensor<1x4x8x8xf32>)
// CHECK-NEXT:        scratch(%t0 : tensor<1x2x4x8xf32>) attributes {cedr.slots = 4 : i64} {
// CHECK-NEXT:      cedr.conv2d ins(%i0, %i1) outs(%t0)
// CHECK-NEXT:      cedr.kernel @l0_conv_r [2, 4, 8] maps [(0, d0, d1, d2), (d0), (0, d0, d1, d2)] ins(%t0, %i2) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32, %4: f32):
// CHECK-NEXT:        %s = arith.addf %2, %3 : f32
// CHECK-NEXT:        cedr.yield %s : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<1x4x8x8xf32>
// CHECK-NEXT:  }
