// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A reduction starts from its fill; cut, its later steps go on from what is there.

func.func @main(%x: tensor<4x6xf32>) -> tensor<4xf32> {
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<4xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x6xf32>) outs(%z : tensor<4xf32>) attrs = {cedr.plan = #cedr.plan<kernel, [0, 3]>} {
  ^bb0(%p: f32, %o: f32):
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @main(%x: tensor<4x6xf32>) -> tensor<4xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_y_first []
// CHECK-NEXT:        ins(%i0 = %x[0, 0][4, 3] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0][4] : tensor<4xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_y_first_k [4, 3] maps [(d0, d1), (d0)] init [0.000000e+00 : f32] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %s = arith.addf %3, %2 : f32
// CHECK-NEXT:        cedr.yield %s : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = cedr.grid @l0_y []
// CHECK-NEXT:        ins(%i0 = %x[0, 3][4, 3] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %1[0][4] : tensor<4xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_y_k [4, 3] maps [(d0, d1), (d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%3: f32, %4: f32):
// CHECK-NEXT:        %s = arith.addf %4, %3 : f32
// CHECK-NEXT:        cedr.yield %s : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %2 : tensor<4xf32>
// CHECK-NEXT:  }
