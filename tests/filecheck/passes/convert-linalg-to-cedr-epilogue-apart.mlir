// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// After a cut reduction the epilogue is a grid of its own, with the tiles of its producer.

func.func @main(%x: tensor<1x3x10x10xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>) -> tensor<1x4x8x8xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<1x4x8x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %y = linalg.conv_2d_nchw_fchw {cedr.plan = #cedr.plan<conv2d, [0, 1, 0, 0, 1, 0, 0], {slots = 4 : i64}>, dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
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
// CHECK-NEXT:    %1 = cedr.grid @l0_conv_first [4 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0, 0][1, 1, 10, 10] : tensor<1x3x10x10xf32>,
// CHECK-NEXT:            %i1 = %w[d0, 0, 0, 0][1, 1, 3, 3] : tensor<4x3x3x3xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, d0, 0, 0][1, 1, 8, 8] : tensor<1x4x8x8xf32>) {
// CHECK-NEXT:      cedr.conv2d ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = cedr.grid @l0_conv [4 parallel, 2 reduction]
// CHECK-NEXT:        ins(%i0 = %x[0, d1 + 1, 0, 0][1, 1, 10, 10] : tensor<1x3x10x10xf32>,
// CHECK-NEXT:            %i1 = %w[d0, d1 + 1, 0, 0][1, 1, 3, 3] : tensor<4x3x3x3xf32>)
// CHECK-NEXT:        outs(%o0 = %1[0, d0, 0, 0][1, 1, 8, 8] : tensor<1x4x8x8xf32>)
// CHECK-NEXT:        scratch(%t0 : tensor<1x1x8x8xf32>) attributes {cedr.slots = 4 : i64} {
// CHECK-NEXT:      cedr.conv2d ins(%i0, %i1) outs(%t0)
// CHECK-NEXT:      cedr.zip add ins(%t0, %o0) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %3 = tensor.empty() : tensor<1x4x8x8xf32>
// CHECK-NEXT:    %4 = cedr.grid @l1_r [4 parallel]
// CHECK-NEXT:        ins(%i0 = %2[0, d0, 0, 0][1, 1, 8, 8] : tensor<1x4x8x8xf32>,
// CHECK-NEXT:            %i1 = %b[d0][1] : tensor<4xf32>)
// CHECK-NEXT:        outs(%o0 = %3[0, d0, 0, 0][1, 1, 8, 8] : tensor<1x4x8x8xf32>) {
// CHECK-NEXT:      cedr.kernel @l1_r_k [8, 8] maps [(0, 0, d0, d1), (0), (0, 0, d0, d1)] ins(%i0, %i1) outs(%o0) {
// CHECK-NEXT:      ^bb0(%5: f32, %6: f32, %7: f32):
// CHECK-NEXT:        %s = arith.addf %5, %6 : f32
// CHECK-NEXT:        cedr.yield %s : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %4 : tensor<1x4x8x8xf32>
// CHECK-NEXT:  }
