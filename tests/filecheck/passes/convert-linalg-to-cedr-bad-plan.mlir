// RUN: not cedr-opt %s -p convert-linalg-to-cedr 2>&1 | filecheck %s

// Plans that do not suit their ops.

// CHECK: 'linalg.matmul' has 3 loops, its plan gives 2 tile sizes
// CHECK: 'linalg.matmul' can't be computed by 'fft'
// CHECK: 'linalg.matmul' can't be computed by 'conv2d'
// CHECK: 'linalg.matmul' can't be computed by 'sort'; the calls are conv1d, conv2d, fft, gemm, kernel, zip

func.func @main(%a: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %z = arith.constant dense<0.0> : tensor<4x4xf32>
  %0 = linalg.matmul {cedr.plan = #cedr.plan<gemm, [2, 2]>} ins(%a, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = linalg.matmul {cedr.plan = #cedr.plan<fft, [2, 2, 0]>} ins(%a, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = linalg.matmul {cedr.plan = #cedr.plan<conv2d, [2, 2, 0]>} ins(%a, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  %3 = linalg.matmul {cedr.plan = #cedr.plan<sort, [2, 2, 0]>} ins(%a, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  func.return %0, %1, %2, %3 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
