// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Splats are constants in a kernel; only a call has them in memory.

func.func @main(%a: tensor<4x6xf32>) -> tensor<4x8xf32> {
  %sc = arith.constant 2.0 : f32
  %se = tensor.empty() : tensor<4x6xf32>
  %s = linalg.fill ins(%sc : f32) outs(%se : tensor<4x6xf32>) -> tensor<4x6xf32>
  %e = tensor.empty() : tensor<4x6xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%a, %s : tensor<4x6xf32>, tensor<4x6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %r = arith.mulf %p, %q : f32
    linalg.yield %r : f32
  } -> tensor<4x6xf32>
  %fc = arith.constant 3.0 : f32
  %fe = tensor.empty() : tensor<6x8xf32>
  %f = linalg.fill ins(%fc : f32) outs(%fe : tensor<6x8xf32>) -> tensor<6x8xf32>
  %zc = arith.constant 0.0 : f32
  %ze = tensor.empty() : tensor<4x8xf32>
  %z = linalg.fill ins(%zc : f32) outs(%ze : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul ins(%m, %f : tensor<4x6xf32>, tensor<6x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  func.return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @main(%a: tensor<4x6xf32>) -> tensor<4x8xf32> {
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x6xf32>
// CHECK-NEXT:    %1 = cedr.grid @l0_m []
// CHECK-NEXT:        ins(%i0 = %a[0, 0][4, 6] : tensor<4x6xf32>)
// CHECK-NEXT:        outs(%o0 = %0[0, 0][4, 6] : tensor<4x6xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_m_k [4, 6] maps [(d0, d1), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%2: f32, %3: f32):
// CHECK-NEXT:        %4 = arith.constant 2.000000e+00 : f32
// CHECK-NEXT:        %r = arith.mulf %2, %4 : f32
// CHECK-NEXT:        cedr.yield %r : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %2 = tensor.empty() : tensor<6x8xf32>
// CHECK-NEXT:    %3 = cedr.grid @fill []
// CHECK-NEXT:        outs(%o0 = %2[0, 0][6, 8] : tensor<6x8xf32>) {
// CHECK-NEXT:      cedr.kernel @fill_k [6, 8] maps [(d0, d1)] ins() outs(%o0) {
// CHECK-NEXT:      ^bb0(%4: f32):
// CHECK-NEXT:        %5 = arith.constant 3.000000e+00 : f32
// CHECK-NEXT:        cedr.yield %5 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %4 = tensor.empty() : tensor<4x8xf32>
// CHECK-NEXT:    %5 = cedr.grid @l1_gemm []
// CHECK-NEXT:        ins(%i0 = %1[0, 0][4, 6] : tensor<4x6xf32>,
// CHECK-NEXT:            %i1 = %3[0, 0][6, 8] : tensor<6x8xf32>)
// CHECK-NEXT:        outs(%o0 = %4[0, 0][4, 8] : tensor<4x8xf32>) {
// CHECK-NEXT:      cedr.gemm ins(%i0, %i1) outs(%o0)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %5 : tensor<4x8xf32>
// CHECK-NEXT:  }
