// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A slice is an offset of its readers' windows; one with steps is copied.

func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x1x4x4xf32>, tensor<1x2x2x4xf32>) {
  %s = tensor.extract_slice %x[0, 1, 0, 0] [1, 1, 4, 4] [1, 1, 1, 1] : tensor<1x2x4x4xf32> to tensor<1x1x4x4xf32>
  %ye = tensor.empty() : tensor<1x1x4x4xf32>
  %y = linalg.exp ins(%s : tensor<1x1x4x4xf32>) outs(%ye : tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
  %t = tensor.extract_slice %x[0, 0, 1, 0] [1, 2, 2, 4] [1, 1, 2, 1] : tensor<1x2x4x4xf32> to tensor<1x2x2x4xf32>
  func.return %y, %t : tensor<1x1x4x4xf32>, tensor<1x2x2x4xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x1x4x4xf32>, tensor<1x2x2x4xf32>) {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x1x4x4xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_exp []
// CHECK-NEXT:        ins(%i0 = %x[0, 1, 0, 0][1, 1, 4, 4] : tensor<1x2x4x4xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, 0, 0, 0][1, 1, 4, 4] : tensor<1x1x4x4xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_exp_k [4, 4] maps [(0, 0, d0, d1), (0, 0, d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = math.exp %2 : f32
// CHECK-NEXT:        cedr.yield %4 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = tensor.empty() : tensor<1x2x2x4xf32>
// CHECK-NEXT:    %3 = cedr.grid @x_copy []
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 1, 0][1, 2, 3, 4] : tensor<1x2x4x4xf32>)
// CHECK-NEXT:        outs(%o0 = %2[0, 0, 0, 0][1, 2, 2, 4] : tensor<1x2x2x4xf32>) {
// CHECK-NEXT:      cedr.kernel @x_copy_k [2, 2, 4] maps [(0, d0, d1 * 2, d2), (0, d0, d1, d2)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%4: f32, %5: f32):
// CHECK-NEXT:        cedr.yield %4 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1, %3 : tensor<1x1x4x4xf32>, tensor<1x2x2x4xf32>
// CHECK-NEXT:  }
