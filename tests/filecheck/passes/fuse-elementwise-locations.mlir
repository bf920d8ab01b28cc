// RUN: cedr-opt %s -p 'fuse-elementwise' --print-debuginfo | filecheck %s

// The fused generic is where its consumer was; each scalar op is where it came from.

#vector = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %e = tensor.empty() : tensor<2xf32>
  %a = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = math.exp %v : f32 loc("model.py":1:0)
    linalg.yield %0 : f32 loc("model.py":1:0)
  } -> tensor<2xf32> loc("model.py":1:0)
  %b = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%a : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = math.sqrt %v : f32 loc("model.py":2:0)
    linalg.yield %0 : f32 loc("model.py":2:0)
  } -> tensor<2xf32> loc("model.py":2:0)
  func.return %b : tensor<2xf32>
}

// CHECK: math.exp {{.*}} loc("model.py":1:0)
// CHECK-NEXT: math.sqrt {{.*}} loc("model.py":2:0)
// CHECK-NEXT: linalg.yield {{.*}} loc("model.py":2:0)
// CHECK-NEXT: } -> tensor<2xf32> loc("model.py":2:0)
