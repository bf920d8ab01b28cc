// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A border on one side, and of two widths in one dimension.

func.func @main(%x: tensor<4xf32>, %y: tensor<2x3xf32>) -> (tensor<7xf32>, tensor<2x4xf32>) {
  %p = tensor.pad %x low[1] high[2] {
  ^bb0(%p0: index):
    %pv = arith.constant 0.0 : f32
    tensor.yield %pv : f32
  } : tensor<4xf32> to tensor<7xf32>
  %q = tensor.pad %y low[0, 0] high[0, 1] {
  ^bb0(%q0: index, %q1: index):
    %qv = arith.constant 0xff800000 : f32
    tensor.yield %qv : f32
  } : tensor<2x3xf32> to tensor<2x4xf32>
  func.return %p, %q : tensor<7xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<4xf32>, %y: tensor<2x3xf32>) -> (tensor<7xf32>, tensor<2x4xf32>) {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<7xf32>
// CHECK-NEXT:    %1 = cedr.grid @x_border []
// CHECK-NEXT:        outs(%o0 = %0[0][7] : tensor<7xf32>) {
// CHECK-NEXT:      cedr.kernel @x_border_k [2] maps [(d0 floordiv 2), (d0 + 5)] ins() outs(%o0, %o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = arith.constant 0.000000e+00 : f32
// CHECK-NEXT:        cedr.yield %4, %4 : f32, f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = cedr.grid @x_copy []
// CHECK-NEXT:        ins(%i0 = %x[0][4] : tensor<4xf32>)
// CHECK-NEXT:        outs(%o0 = %1[1][4] : tensor<7xf32>) {
// CHECK-NEXT:      cedr.kernel @x_copy_k [4] maps [(d0), (d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%3: f32, %4: f32):
// CHECK-NEXT:        cedr.yield %3 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %3 = tensor.empty() : tensor<2x4xf32>
// CHECK-NEXT:    %4 = cedr.grid @y_border []
// CHECK-NEXT:        outs(%o0 = %3[0, 0][2, 4] : tensor<2x4xf32>) {
// CHECK-NEXT:      cedr.kernel @y_border_k [2] maps [(d0, 3)] ins() outs(%o0) {
// CHECK-NEXT:      ^bb0(%5: f32):
// CHECK-NEXT:        %6 = arith.constant 0xff800000 : f32
// CHECK-NEXT:        cedr.yield %6 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %5 = cedr.grid @y_copy []
// CHECK-NEXT:        ins(%i0 = %y[0, 0][2, 3] : tensor<2x3xf32>)
// CHECK-NEXT:        outs(%o0 = %4[0, 0][2, 3] : tensor<2x4xf32>) {
// CHECK-NEXT:      cedr.kernel @y_copy_k [2, 3] maps [(d0, d1), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%6: f32, %7: f32):
// CHECK-NEXT:        cedr.yield %6 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %2, %5 : tensor<7xf32>, tensor<2x4xf32>
// CHECK-NEXT:  }
