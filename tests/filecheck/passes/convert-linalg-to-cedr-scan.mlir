// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// A scan: a reduction loop that indexes an output too. It is never cut, whatever the plan says; the other loop is.

func.func @main(%x: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4xf64>) {
  %zero = arith.constant 0.0 : f64
  %s = tensor.empty() : tensor<4xf64>
  %start = linalg.fill ins(%zero : f64) outs(%s : tensor<4xf64>) -> tensor<4xf64>
  %e = tensor.empty() : tensor<4x6xf32>
  %sums, %total = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x6xf32>) outs(%e, %start : tensor<4x6xf32>, tensor<4xf64>) attrs = {cedr.plan = #cedr.plan<kernel, [2, 3]>} {
  ^bb0(%a: f32, %b: f32, %c: f64):
    %d = arith.extf %a : f32 to f64
    %f = arith.addf %c, %d : f64
    %g = arith.truncf %f : f64 to f32
    linalg.yield %g, %f : f32, f64
  } -> (tensor<4x6xf32>, tensor<4xf64>)
  func.return %sums, %total : tensor<4x6xf32>, tensor<4xf64>
}

// CHECK-LABEL:  func.func @main(%x: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4xf64>) {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x6xf32>
// CHECK-NEXT:    %1 = tensor.empty() : tensor<4xf64>
// CHECK-NEXT:    %2, %3 = cedr.grid @l0_sums [2 parallel]
// CHECK-NEXT:        ins(%i0 = %x[d0 * 2, 0][2, 6] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %0[d0 * 2, 0][2, 6] : tensor<4x6xf32>,
// CHECK-NEXT:            %o1 = %1[d0 * 2][2] : tensor<4xf64>) {
// CHECK-NEXT:      cedr.kernel @l0_sums_k [2, 6] maps [(d0, d1), (d0, d1), (d0)] init [0.000000e+00 : f32, 0.000000e+00 : f64] ins(%i0) outs(%o0, %o1) {
// CHECK-NEXT:      ^bb0(%4: f32, %5: f32, %6: f64):
// CHECK-NEXT:        %d = arith.extf %4 : f32 to f64
// CHECK-NEXT:        %f = arith.addf %6, %d : f64
// CHECK-NEXT:        %g = arith.truncf %f : f64 to f32
// CHECK-NEXT:        cedr.yield %g, %f : f32, f64
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %2, %3 : tensor<4x6xf32>, tensor<4xf64>
// CHECK-NEXT:  }
