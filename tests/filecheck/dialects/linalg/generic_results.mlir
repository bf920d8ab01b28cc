// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// xDSL's own parser does not take the parentheses that its printer puts around several result types.
%x, %y = "test.op"() : () -> (tensor<4xf32>, tensor<4xi32>)
// CHECK: %a, %b = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x, %y : tensor<4xf32>, tensor<4xi32>) attrs = {tag} {
// CHECK: } -> (tensor<4xf32>, tensor<4xi32>)
%a, %b = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
    outs(%x, %y : tensor<4xf32>, tensor<4xi32>) attrs = {tag} {
^bb0(%p: f32, %q: i32):
  linalg.yield %p, %q : f32, i32
} -> (tensor<4xf32>, tensor<4xi32>)
// CHECK: %c = linalg.generic
// CHECK: } -> tensor<4xi32>
%c = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%b : tensor<4xi32>) {
^bb0(%q: i32):
  linalg.yield %q : i32
} -> (tensor<4xi32>)
