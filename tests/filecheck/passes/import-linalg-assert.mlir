// RUN: cedr-opt %s -p import-linalg --weights-out %t.safetensors | filecheck %s

// What holds goes: of constants, and of positions that are checked when they are read.
// CHECK-LABEL: func.func @main
// CHECK-NOT: cf.assert
// CHECK: func.return
func.func @main(%i: tensor<3xi64>, %t: tensor<5x2xf32>) -> (tensor<3x2xf32>, tensor<2xf32>) {
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %fits = arith.cmpi slt, %c4, %c5 : index
  cf.assert %fits, "sizes"
  %c0 = arith.constant 0 : i64
  %e = tensor.empty() : tensor<3x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<3xi64>) outs(%e : tensor<3x2xf32>) {
  ^bb0(%in: i64, %out: f32):
    %p = arith.index_cast %in : i64 to index
    %q = linalg.index 1 : index
    %low = arith.cmpi sge, %in, %c0 : i64
    cf.assert %low, "index must be larger or equal to 0"
    %high = arith.cmpi slt, %p, %c5 : index
    cf.assert %high, "index must be smaller than dim size"
    %v = tensor.extract %t[%p, %q] : tensor<5x2xf32>
    linalg.yield %v : f32
  } -> tensor<3x2xf32>
  %w = arith.constant dense<[2.0, 4.0]> : tensor<2xf32>
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<2xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%w : tensor<2xf32>) outs(%f : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %there = arith.cmpf one, %in, %zero : f32
    cf.assert %there, "unimplemented: tensor with zero element"
    %v = arith.divf %one, %in : f32
    linalg.yield %v : f32
  } -> tensor<2xf32>
  func.return %r, %s : tensor<3x2xf32>, tensor<2xf32>
}
