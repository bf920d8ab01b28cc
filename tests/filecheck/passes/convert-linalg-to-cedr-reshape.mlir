// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A whole tensor has every shape by a view; the inside of a padded one is copied first.

func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x32xf32>, tensor<1x2x6x6xf32>, tensor<1x32xf32>) {
  %ye = tensor.empty() : tensor<1x2x4x4xf32>
  %y = linalg.exp ins(%x : tensor<1x2x4x4xf32>) outs(%ye : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %f = tensor.collapse_shape %y [[0], [1, 2, 3]] : tensor<1x2x4x4xf32> into tensor<1x32xf32>
  %ge = tensor.empty() : tensor<1x32xf32>
  %g = linalg.exp ins(%f : tensor<1x32xf32>) outs(%ge : tensor<1x32xf32>) -> tensor<1x32xf32>
  %ze = tensor.empty() : tensor<1x2x4x4xf32>
  %z = linalg.exp ins(%x : tensor<1x2x4x4xf32>) outs(%ze : tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %p = tensor.pad %z low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%p0: index, %p1: index, %p2: index, %p3: index):
    %pv = arith.constant 0.0 : f32
    tensor.yield %pv : f32
  } : tensor<1x2x4x4xf32> to tensor<1x2x6x6xf32>
  %h = tensor.collapse_shape %z [[0], [1, 2, 3]] : tensor<1x2x4x4xf32> into tensor<1x32xf32>
  %ke = tensor.empty() : tensor<1x32xf32>
  %k = linalg.exp ins(%h : tensor<1x32xf32>) outs(%ke : tensor<1x32xf32>) -> tensor<1x32xf32>
  func.return %g, %p, %k : tensor<1x32xf32>, tensor<1x2x6x6xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<1x2x4x4xf32>) -> (tensor<1x32xf32>, tensor<1x2x6x6xf32>, tensor<1x32xf32>) {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<1x2x4x4xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_exp []
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x2x4x4xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x2x4x4xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_exp_k [2, 4, 4] maps [(0, d0, d1, d2), (0, d0, d1, d2)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = math.exp %2 : f32
// CHECK-NEXT:        cedr.yield %4 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = tensor.empty() : tensor<1x32xf32>
// CHECK-NEXT:    %3 = cedr.view %1 : tensor<1x2x4x4xf32> to tensor<1x32xf32>
// CHECK-NEXT:    %4 = cedr.grid @l1_exp []
// CHECK-NEXT:        ins(%i0 = %3[0, 0][1, 32] : tensor<1x32xf32>)
// CHECK-NEXT:        outs(%o0 = %2[0, 0][1, 32] : tensor<1x32xf32>) {
// CHECK-NEXT:      cedr.kernel @l1_exp_k [32] maps [(0, d0), (0, d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%5: f32, %6: f32):
// CHECK-NEXT:        %7 = math.exp %5 : f32
// CHECK-NEXT:        cedr.yield %7 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %5 = tensor.empty() : tensor<1x2x6x6xf32>
// CHECK-NEXT:    %6 = cedr.grid @l2_border []
// CHECK-NEXT:        outs(%o0 = %5[0, 0, 0, 0][1, 2, 6, 6] : tensor<1x2x6x6xf32>) {
// CHECK-NEXT:      cedr.kernel @l2_border_k [2, 2, 6] maps [(0, d0, d1 * 5, d2), (0, d0, d2, d1 * 5)] ins() outs(%o0, %o0) {
// CHECK-NEXT:      ^bb0(%7: f32, %8: f32):
// CHECK-NEXT:        %9 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:        cedr.yield %9, %9 : f32, f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %7 = cedr.grid @l2_exp []
// CHECK-NEXT:        ins(%i0 = %x[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x2x4x4xf32>)
// CHECK-NEXT:        outs(%o0 = %6[0, 0, 1, 1][1, 2, 4, 4] : tensor<1x2x6x6xf32>) {
// CHECK-NEXT:      cedr.kernel @l2_exp_k [2, 4, 4] maps [(0, d0, d1, d2), (0, d0, d1, d2)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%8: f32, %9: f32):
// CHECK-NEXT:        %10 = math.exp %8 : f32
// CHECK-NEXT:        cedr.yield %10 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %8 = tensor.empty() : tensor<1x32xf32>
// CHECK-NEXT:    %9 = cedr.view %8 : tensor<1x32xf32> to tensor<1x2x4x4xf32>
// CHECK-NEXT:    %10 = cedr.grid @collapse_copy []
// CHECK-NEXT:        ins(%i0 = %7[0, 0, 1, 1][1, 2, 4, 4] : tensor<1x2x6x6xf32>)
// CHECK-NEXT:        outs(%o0 = %9[0, 0, 0, 0][1, 2, 4, 4] : tensor<1x2x4x4xf32>) {
// CHECK-NEXT:      cedr.kernel @collapse_copy_k [2, 4, 4] maps [(0, d0, d1, d2), (0, d0, d1, d2)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%11: f32, %12: f32):
// CHECK-NEXT:        cedr.yield %11 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %11 = cedr.view %10 : tensor<1x2x4x4xf32> to tensor<1x32xf32>
// CHECK-NEXT:    %12 = tensor.empty() : tensor<1x32xf32>
// CHECK-NEXT:    %13 = cedr.grid @l3_exp []
// CHECK-NEXT:        ins(%i0 = %11[0, 0][1, 32] : tensor<1x32xf32>)
// CHECK-NEXT:        outs(%o0 = %12[0, 0][1, 32] : tensor<1x32xf32>) {
// CHECK-NEXT:      cedr.kernel @l3_exp_k [32] maps [(0, d0), (0, d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%14: f32, %15: f32):
// CHECK-NEXT:        %16 = math.exp %14 : f32
// CHECK-NEXT:        cedr.yield %16 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %4, %7, %13 : tensor<1x32xf32>, tensor<1x2x6x6xf32>, tensor<1x32xf32>
// CHECK-NEXT:  }
