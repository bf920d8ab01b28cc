// RUN: cedr-opt %s -p 'fuse-elementwise,dce' | filecheck %s

// Maps compose: the consumer reads the producer transposed, so the fused generic reads its operand transposed; its loop
// indices are those of the consumer's other loop, and an operand that both read in the same way stands once.

#matrix = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
func.func @main(%x: tensor<3x2xf32>, %v: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %e = tensor.empty() : tensor<3x2xf32>
  %p = linalg.generic {indexing_maps = [#matrix, #turned, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%x, %v : tensor<3x2xf32>, tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i32
    %k = arith.sitofp %j : i32 to f32
    %0 = arith.mulf %a, %k : f32
    %1 = arith.subf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<3x2xf32>
  %d = tensor.empty() : tensor<2x3xf32>
  %q = linalg.generic {indexing_maps = [#turned, #matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%p, %v : tensor<3x2xf32>, tensor<2x3xf32>) outs(%d : tensor<2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<2x3xf32>
  func.return %q : tensor<2x3xf32>
}

// CHECK:      %q = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]
// CHECK-SAME: ins(%x, %v : tensor<3x2xf32>, tensor<2x3xf32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: linalg.index 1 : index
// CHECK:      arith.divf %{{.*}}, %[[B]] : f32
