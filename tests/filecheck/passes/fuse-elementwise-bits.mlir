// RUN: cedr-opt %s -p fuse-elementwise | filecheck %s

// A view of the bits as another type is part of an elementwise generic as any other op is.
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %words = tensor.empty() : tensor<4xi32>
  %floats = tensor.empty() : tensor<4xf32>
  // CHECK: linalg.generic
  // CHECK: %[[word:.*]] = arith.bitcast %{{.*}} : f32 to i32
  // CHECK-NEXT: %[[float:.*]] = arith.bitcast %[[word]] : i32 to f32
  // CHECK-NEXT: linalg.yield %[[float]] : f32
  %b = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%words : tensor<4xi32>) {
  ^bb0(%f: f32, %o: i32):
    %w = arith.bitcast %f : f32 to i32
    linalg.yield %w : i32
  } -> tensor<4xi32>
  // CHECK-NOT: linalg.generic
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%b : tensor<4xi32>) outs(%floats : tensor<4xf32>) {
  ^bb0(%w: i32, %o: f32):
    %f = arith.bitcast %w : i32 to f32
    linalg.yield %f : f32
  } -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}
