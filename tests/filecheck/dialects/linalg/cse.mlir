// RUN: cedr-opt -p cse %s | filecheck %s

// Equal ops on tensors become one, generics with equal bodies too; writes to memrefs don't.

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x : tensor<4xf32>, %y : tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[SUM:.*]] = linalg.generic
  // CHECK: arith.addf
  // CHECK-NOT: arith.addf
  // CHECK: %[[DIFFERENCE:.*]] = linalg.generic
  // CHECK: arith.subf
  // CHECK: func.return %[[SUM]], %[[SUM]], %[[DIFFERENCE]]
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) {
  ^bb0(%a : f32, %b : f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) {
  ^bb0(%a : f32, %b : f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%y : tensor<4xf32>) {
  ^bb0(%a : f32, %b : f32):
    %s = arith.subf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  func.return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @memrefs
func.func @memrefs(%a : memref<4x4xf32>, %c : memref<4x4xf32>) {
  // CHECK-NEXT: linalg.matmul
  // CHECK-NEXT: linalg.matmul
  linalg.matmul ins(%a, %a : memref<4x4xf32>, memref<4x4xf32>) outs(%c : memref<4x4xf32>)
  linalg.matmul ins(%a, %a : memref<4x4xf32>, memref<4x4xf32>) outs(%c : memref<4x4xf32>)
  func.return
}
