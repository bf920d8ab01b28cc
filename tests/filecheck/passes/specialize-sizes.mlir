// RUN: cedr-opt %s -p 'specialize-sizes{sizes=2,5,3}' | filecheck %s

// Sizes are put in for the `?` of the arguments from left to right; types, tensor.dim and index arithmetic follow, in a loop and
// in a generic's numbers too, and an assertion that holds is dropped.

// CHECK: func.func @main(%x: tensor<2x5x4xf32>, %y: tensor<3x4xf32>) -> (tensor<10x4xf32>, tensor<8x4xf32>, tensor<2x2x8xf32>, tensor<5x3x2xf32>, tensor<2x5xf32>) {
func.func @main(%x: tensor<?x?x4xf32>, %y: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %batch = tensor.dim %x, %c0 : tensor<?x?x4xf32>
  %length = tensor.dim %x, %c1 : tensor<?x?x4xf32>
  %rows = tensor.dim %y, %c0 : tensor<?x4xf32>

  // CHECK: tensor.collapse_shape %x {{.*}} : tensor<2x5x4xf32> into tensor<10x4xf32>
  %flat = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x4xf32> into tensor<?x4xf32>

  // A cast that forgets a size, and an assertion about it, as torch-mlir writes them.
  // CHECK-NOT: cf.assert
  %is_even = arith.cmpi slt, %rows, %length : index
  cf.assert %is_even, "mismatched size"
  // CHECK-NOT: tensor.cast
  %cast = tensor.cast %y : tensor<?x4xf32> to tensor<?x?xf32>

  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [5, 4] [2, 1] : tensor<10x4xf32> to tensor<5x4xf32>
  %part = tensor.extract_slice %flat[%c0, 0] [%length, 4] [%c2, 1] : tensor<?x4xf32> to tensor<?x4xf32>
  // CHECK: tensor.concat dim(0) {{.*}} : (tensor<5x4xf32>, tensor<3x4xf32>) -> tensor<8x4xf32>
  %all = tensor.concat dim(0) %part, %cast : (tensor<?x4xf32>, tensor<?x?xf32>) -> tensor<?x4xf32>

  // CHECK: tensor.empty() : tensor<2x4x5xf32>
  %turned_to = tensor.empty(%batch, %length) : tensor<?x4x?xf32>
  %turned = linalg.transpose ins(%x : tensor<?x?x4xf32>) outs(%turned_to : tensor<?x4x?xf32>) permutation = [0, 2, 1]
  // CHECK: tensor.pad {{.*}} low[0, 0, 3] high[0, 0, 0]
  // CHECK: tensor<2x4x5xf32> to tensor<2x4x8xf32>
  %wide = tensor.pad %turned low[0, 0, %rows] high[0, 0, 0] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %zero : f32
  } : tensor<?x4x?xf32> to tensor<?x4x?xf32>
  // CHECK: tensor.extract_slice {{.*}} : tensor<2x4x8xf32> to tensor<2x2x8xf32>
  %sum = arith.addi %length, %rows : index
  %half = tensor.extract_slice %wide[0, 1, 0] [%batch, 2, %sum] [1, 2, 1] : tensor<?x4x?xf32> to tensor<?x2x?xf32>

  // Steps of a loop, a dimension left out of each.
  // CHECK: scf.for {{.*}} -> (tensor<5x3x2xf32>)
  // CHECK: tensor.insert_slice {{.*}} : tensor<3x2xf32> into tensor<5x3x2xf32>
  %steps = tensor.empty(%length, %rows, %batch) : tensor<?x?x?xf32>
  %one_to = tensor.empty(%rows, %batch) : tensor<?x?xf32>
  %one = linalg.fill ins(%zero : f32) outs(%one_to : tensor<?x?xf32>) -> tensor<?x?xf32>
  %looped = scf.for %step = %c0 to %length step %c1 iter_args(%carried = %steps) -> (tensor<?x?x?xf32>) {
    %next = tensor.insert_slice %one into %carried[%step, 0, 0] [1, %rows, %batch] [1, 1, 1] : tensor<?x?xf32> into tensor<?x?x?xf32>
    scf.yield %next : tensor<?x?x?xf32>
  }

  // CHECK: %[[COUNT:.*]] = arith.constant 1.000000e+01 : f32
  %elements = arith.muli %batch, %length : index
  %as_integer = arith.index_cast %elements : index to i64
  %count = arith.sitofp %as_integer : i64 to f32
  %mean_to = tensor.empty(%batch, %length) : tensor<?x?xf32>
  // CHECK: ins(%x : tensor<2x5x4xf32>) outs(%{{.*}} : tensor<2x5xf32>)
  %mean = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<?x?x4xf32>) outs(%mean_to : tensor<?x?xf32>) {
  ^bb0(%element: f32, %total: f32):
    // CHECK: arith.divf %{{.*}}, %[[COUNT]] : f32
    %share = arith.divf %element, %count : f32
    %next_total = arith.addf %total, %share : f32
    linalg.yield %next_total : f32
  } -> tensor<?x?xf32>
  return %flat, %all, %half, %looped, %mean : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>
}
