// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A loop whose index is used stays whole.

func.func @main(%x: tensor<4x6xf32>) -> tensor<4x6xindex> {
  %e = tensor.empty() : tensor<4x6xindex>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x6xf32>) outs(%e : tensor<4x6xindex>) attrs = {cedr.plan = #cedr.plan<kernel, [2, 2]>} {
  ^bb0(%a: f32, %o: index):
    %i = linalg.index 1 : index
    linalg.yield %i : index
  } -> tensor<4x6xindex>
  func.return %y : tensor<4x6xindex>
}

// CHECK-LABEL: func.func @main(%x: tensor<4x6xf32>) -> tensor<4x6xindex> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x6xindex>
// CHECK-NEXT:    %1 = cedr.grid @l0_y [2 parallel]
// CHECK-NEXT:        outs(%o0 = %0[d0 * 2, 0][2, 6] : tensor<4x6xindex>) {
// CHECK-NEXT:      cedr.kernel @l0_y_k [2, 6] maps [(d0, d1)] ins() outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: index):
// CHECK-NEXT:        %3 = cedr.index 1 : index
// CHECK-NEXT:        cedr.yield %3 : index
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<4x6xindex>
// CHECK-NEXT:  }
