// RUN: cedr-opt %s -p import-linalg | filecheck %s

// Ops that become generics, and a scalar between the ops, which moves into the generic that uses it.
// CHECK-LABEL: func.func @main
func.func @main(%a: tensor<2x3xf32>, %n: tensor<i64>) -> (tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xf32>) {
  %e = tensor.empty() : tensor<2x3xf32>
  // CHECK: %m = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<2x3xf32>)
  // CHECK-NEXT: ^bb0(%x: f32, %{{.*}}: f32):
  // CHECK-NEXT: math.exp %x : f32
  %m = linalg.map ins(%a : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) (%x: f32) {
    %y = math.exp %x : f32
    linalg.yield %y : f32
  }
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<2xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<2xf32>) -> tensor<2xf32>
  // CHECK: %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%m : tensor<2x3xf32>)
  %r = linalg.reduce { arith.addf } ins(%m : tensor<2x3xf32>) outs(%z : tensor<2xf32>) dimensions = [1]
  %i = tensor.extract %n[] : tensor<i64>
  %s = arith.sitofp %i : i64 to f32
  // CHECK: %g = linalg.generic
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT: %[[i:.*]] = tensor.extract %n[] : tensor<i64>
  // CHECK-NEXT: %[[s:.*]] = arith.sitofp %[[i]] : i64 to f32
  // CHECK-NEXT: arith.mulf %{{.*}}, %[[s]] : f32
  %g = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %s : f32
    linalg.yield %y : f32
  } -> tensor<2x3xf32>
  // CHECK: func.return
  func.return %m, %r, %g : tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xf32>
}
