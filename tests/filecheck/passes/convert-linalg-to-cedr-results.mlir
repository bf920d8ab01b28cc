// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Results that are arguments, or come twice, are copies.

func.func @main(%x: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>) {
  %ye = tensor.empty() : tensor<4x6xf32>
  %y = linalg.exp ins(%x : tensor<4x6xf32>) outs(%ye : tensor<4x6xf32>) -> tensor<4x6xf32>
  func.return %y, %x, %y : tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>) {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x6xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_exp []
// CHECK-NEXT:        ins(%i0 = %x[0, 0][4, 6] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, 0][4, 6] : tensor<4x6xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_exp_k [4, 6] maps [(d0, d1), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = math.exp %2 : f32
// CHECK-NEXT:        cedr.yield %4 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = tensor.empty() : tensor<4x6xf32>
// CHECK-NEXT:    %3 = cedr.grid @x_copy []
// CHECK-NEXT:        ins(%i0 = %x[0, 0][4, 6] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %2[0, 0][4, 6] : tensor<4x6xf32>) {
// CHECK-NEXT:      cedr.kernel @x_copy_k [4, 6] maps [(d0, d1), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%4: f32, %5: f32):
// CHECK-NEXT:        cedr.yield %4 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %4 = tensor.empty() : tensor<4x6xf32>
// CHECK-NEXT:    %5 = cedr.grid @result_copy []
// CHECK-NEXT:        ins(%i0 = %1[0, 0][4, 6] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %4[0, 0][4, 6] : tensor<4x6xf32>) {
// CHECK-NEXT:      cedr.kernel @result_copy_k [4, 6] maps [(d0, d1), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%6: f32, %7: f32):
// CHECK-NEXT:        cedr.yield %6 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1, %3, %5 : tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>
// CHECK-NEXT:  }
