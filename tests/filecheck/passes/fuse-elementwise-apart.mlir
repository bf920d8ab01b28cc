// RUN: cedr-opt %s -p 'fuse-elementwise,dce' | filecheck %s

// Not fused: a producer that is used twice, one that would be computed four times over, and into or out of a reduction.

#vector = affine_map<(d0) -> (d0)>
#matrix = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @main(%x: tensor<2xf32>, %m: tensor<2x4xf32>) -> (tensor<2xf32>, tensor<2x4xf32>, tensor<2xf32>, tensor<2xf32>) {
  %e = tensor.empty() : tensor<2xf32>
  %d = tensor.empty() : tensor<2x4xf32>
  %c = arith.constant 0.0 : f32
  %twice = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  %small = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%twice : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  %wide = linalg.generic {indexing_maps = [#row, #matrix, #matrix], iterator_types = ["parallel", "parallel"]} ins(%small, %m : tensor<2xf32>, tensor<2x4xf32>) outs(%d : tensor<2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  %zero = linalg.fill ins(%c : f32) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %big = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]} ins(%m : tensor<2x4xf32>) outs(%d : tensor<2x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  %sum = linalg.generic {indexing_maps = [#matrix, #row], iterator_types = ["parallel", "reduction"]} ins(%big : tensor<2x4xf32>) outs(%zero : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    %1 = arith.addf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  %half = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%sum : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.tanh %a : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  func.return %twice, %wide, %sum, %half : tensor<2xf32>, tensor<2x4xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK: %twice = linalg.generic
// CHECK: %small = linalg.generic {{.*}} ins(%twice :
// CHECK: %wide = linalg.generic {{.*}} ins(%small, %m :
// CHECK: %big = linalg.generic
// CHECK: %sum = linalg.generic {{.*}} ins(%big :
// A constant from outside comes into the region of a reduction too.
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.constant 0.000000e+00 : f32
// CHECK: %half = linalg.generic {{.*}} ins(%sum :
