// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// The producer writes the interior of the padded tensor; one task fills its border.

func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x6x6xf32> {
  %ye = tensor.empty() : tensor<1x2x4x4xf32>
  %y = linalg.exp ins(%x : tensor<1x2x4x4xf32>) outs(%ye : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %p = tensor.pad %y low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%p0: index, %p1: index, %p2: index, %p3: index):
    %pv = arith.constant 0.0 : f32
    tensor.yield %pv : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x6x6xf32>
  func.return %p : tensor<1x2x6x6xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x6x6xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x2x6x6xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_border []
// CHECK-NEXT:        outs(%o0 = %0[0, 0, 0, 0][1, 2, 6, 6] : tensor<1x2x6x6xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_border_k [2, 2, 6] maps [(0, d0, d1 * 5, d2), (0, d0, d2, d1 * 5)] ins() outs(%o0, %o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:        cedr.yield %4, %4 : f32, f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = cedr.grid @l0_exp []
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x2x4x4xf32>)
// CHECK-NEXT:        outs(%o0 = %1[0, 0, 1, 1][1, 2, 4, 4] : tensor<1x2x6x6xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_exp_k [2, 4, 4] maps [(0, d0, d1, d2), (0, d0, d1, d2)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%3: f32, %4: f32):
// CHECK-NEXT:        %5 = math.exp %3 : f32
// CHECK-NEXT:        cedr.yield %5 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %2 : tensor<1x2x6x6xf32>
// CHECK-NEXT:  }
