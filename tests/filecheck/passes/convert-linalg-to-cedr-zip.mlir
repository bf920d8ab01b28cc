// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A sum of two tensors planned as zip.

func.func @main(%a: tensor<4x6xf32>, %b: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %e = tensor.empty() : tensor<4x6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : tensor<4x6xf32>, tensor<4x6xf32>) outs(%e : tensor<4x6xf32>) attrs = {cedr.plan = #cedr.plan<zip, [2, 0]>} {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<4x6xf32>
  func.return %y : tensor<4x6xf32>
}

// CHECK-LABEL: func.func @main(%a: tensor<4x6xf32>, %b: tensor<4x6xf32>) -> tensor<4x6xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x6xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_y [2 parallel]
// CHECK-NEXT:        ins(%i0 = %a[d0 * 2, 0][2, 6] : tensor<4x6xf32>,
// CHECK-NEXT:            %i1 = %b[d0 * 2, 0][2, 6] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %0[d0 * 2, 0][2, 6] : tensor<4x6xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %1 : tensor<4x6xf32>
// CHECK-NEXT:  }
