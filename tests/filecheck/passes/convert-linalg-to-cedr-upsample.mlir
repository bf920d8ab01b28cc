// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Nearest upsampling: a tile is rounded up to a multiple of the factor, so that windows stay affine.

func.func @main(%x: tensor<2x3xf32>) -> tensor<2x12xf32> {
  %e = tensor.empty() : tensor<2x12xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1 floordiv 4)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<2x3xf32>) outs(%e : tensor<2x12xf32>) attrs = {cedr.plan = #cedr.plan<kernel, [0, 3]>} {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<2x12xf32>
  func.return %y : tensor<2x12xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<2x3xf32>) -> tensor<2x12xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<2x12xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_y [3 parallel]
// CHECK-NEXT:        ins(%i0 = %x[0, d0][2, 1] : tensor<2x3xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, d0 * 4][2, 4] : tensor<2x12xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_y_k [2, 4] maps [(d0, d1 floordiv 4), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        cedr.yield %2 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<2x12xf32>
// CHECK-NEXT:  }
