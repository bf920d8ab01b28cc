// RUN: cedr-opt %s -p 'import-linalg{drop-asserts=true}' | filecheck %s
// RUN: cedr-opt %s -p import-linalg --verify-diagnostics

// CHECK-LABEL: func.func @main
// CHECK-NOT: cf.assert
// CHECK: func.return
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %there = arith.cmpf one, %in, %zero : f32
    // expected-error@below {{import-linalg: 'cf.assert' asserts "tensor with zero element" of values that are known only when the model runs, which compiled code does not check; where it always holds, drop it: cedr-opt -p 'import-linalg{drop-asserts=true}'}}
    cf.assert %there, "tensor with zero element"
    %v = arith.divf %one, %in : f32
    linalg.yield %v : f32
  } -> tensor<2xf32>
  func.return %s : tensor<2xf32>
}
