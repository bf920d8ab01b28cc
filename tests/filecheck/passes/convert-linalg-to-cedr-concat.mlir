// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Operands of a concat are written in their places; an argument is copied there.

func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32> {
  %ye = tensor.empty() : tensor<1x2x4x4xf32>
  %y = linalg.exp ins(%x : tensor<1x2x4x4xf32>) outs(%ye : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %c = tensor.concat dim(1) %y, %x : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32>
  func.return %c : tensor<1x4x4x4xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x4x4x4xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x4x4x4xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_exp []
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x2x4x4xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x4x4x4xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_exp_k [2, 4, 4] maps [(0, d0, d1, d2), (0, d0, d1, d2)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = math.exp %2 : f32
// CHECK-NEXT:        cedr.yield %4 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = cedr.grid @x_copy []
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x2x4x4xf32>)
// CHECK-NEXT:        outs(%o0 = %1[0, 2, 0, 0][1, 2, 4, 4] : tensor<1x4x4x4xf32>) {
// CHECK-NEXT:      cedr.kernel @x_copy_k [2, 4, 4] maps [(0, d0, d1, d2), (0, d0, d1, d2)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%3: f32, %4: f32):
// CHECK-NEXT:        cedr.yield %3 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %2 : tensor<1x4x4x4xf32>
// CHECK-NEXT:  }
