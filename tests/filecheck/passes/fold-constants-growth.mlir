// RUN: cedr-opt %s --weights %S/Inputs/small.safetensors -p 'fold-constants{growth-bytes=0}' | filecheck %s
// RUN: cedr-opt %s --weights %S/Inputs/small.safetensors -p 'fold-constants{growth-bytes=64}' | filecheck %s --check-prefix=GROWS

// A broadcast of 24 bytes to 48: what is folded is what it repeats, unless 24 bytes more are allowed.

#matrix = affine_map<(d0, d1, d2) -> (d1, d2)>
#cube = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @main(%x: tensor<2x3x2xf32>) -> tensor<2x3x2xf32> {
  %w = cedr.weight @fc.weight : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %d = tensor.empty() : tensor<2x3x2xf32>
  %b = linalg.generic {indexing_maps = [#matrix, #cube], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t : tensor<3x2xf32>) outs(%d : tensor<2x3x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<2x3x2xf32>
  %y = linalg.add ins(%x, %b : tensor<2x3x2xf32>, tensor<2x3x2xf32>) outs(%d : tensor<2x3x2xf32>) -> tensor<2x3x2xf32>
  func.return %y : tensor<2x3x2xf32>
}

// CHECK:      %t = cedr.weight @fc.weight.{{[0-9a-f]+}} : tensor<3x2xf32>
// CHECK:      %b = linalg.generic {{.*}} ins(%t : tensor<3x2xf32>)

// GROWS:      %b = cedr.weight @fc.weight.{{[0-9a-f]+}} : tensor<2x3x2xf32>
// GROWS-NEXT: linalg.add ins(%x, %b :
