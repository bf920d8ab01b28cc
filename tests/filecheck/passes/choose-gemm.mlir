// RUN: cedr-opt %s -p 'choose{hw=C3}' | filecheck %s
// RUN: cedr-opt %s -p 'choose{mapping=layerwise}' | filecheck %s --check-prefix=LAYERWISE
// RUN: cedr-opt %s -p 'choose' | filecheck %s --check-prefix=DEFAULT

// A large product is cut over its columns, a small one is one call; two tensors of one shape are a zip, for layerwise a kernel.

#matrix = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<1x1024xf32>, %z: tensor<1x8xf32>) -> (tensor<1x768xf32>, tensor<1x8xf32>) {
  %w = cedr.weight @w : tensor<1024x768xf32>
  %v = cedr.weight @v : tensor<8x8xf32>
  %zero = arith.constant dense<0.0> : tensor<1x768xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x1024xf32>, tensor<1024x768xf32>) outs(%zero : tensor<1x768xf32>) -> tensor<1x768xf32>
  %none = arith.constant dense<0.0> : tensor<1x8xf32>
  %small = linalg.matmul ins(%z, %v : tensor<1x8xf32>, tensor<8x8xf32>) outs(%none : tensor<1x8xf32>) -> tensor<1x8xf32>
  %e = tensor.empty() : tensor<1x8xf32>
  %s = linalg.generic {indexing_maps = [#matrix, #matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%z, %small : tensor<1x8xf32>, tensor<1x8xf32>) outs(%e : tensor<1x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x8xf32>
  func.return %y, %s : tensor<1x768xf32>, tensor<1x8xf32>
}

// CHECK: %y = linalg.matmul {cedr.plan = #cedr.plan<gemm, [0, 128, 0]>}
// CHECK: %small = linalg.matmul {cedr.plan = #cedr.plan<gemm, [0, 0, 0]>}
// CHECK: %s = linalg.generic {{.*}}cedr.plan = #cedr.plan<zip, [0, 0]>

// LAYERWISE: %y = linalg.matmul {cedr.plan = #cedr.plan<gemm, [0, 0, 0]>}
// LAYERWISE: %s = linalg.generic {{.*}}cedr.plan = #cedr.plan<kernel, [0, 0]>

// DEFAULT: #cedr.platform<"zcu102", "C3+F1+C2D1+Z1",
