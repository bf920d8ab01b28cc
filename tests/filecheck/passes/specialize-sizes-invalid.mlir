// RUN: cedr-opt %s -p 'specialize-sizes{sizes=2,3}' --verify-diagnostics --split-input-file

// expected-error@below {{specialize-sizes: 'func.func' has 3 open sizes, 2 given; the open ones are dimension 0 of argument 0 (%x); dimension 0 of argument 1 (%y); dimension 1 of argument 1 (%y)}}
func.func @main(%x: tensor<?x4xf32>, %y: tensor<?x?xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}

// -----

// Sizes that a program holds equal.
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %x, %c0 : tensor<?x4xf32>
  %to = tensor.empty(%size) : tensor<?x4xf32>
  // expected-error@below {{specialize-sizes: 'linalg.generic' has loops of 2, 4, which don't fit dimension 0 of tensor<3x4xf32>}}
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %y : tensor<?x4xf32>, tensor<?x4xf32>) outs(%to : tensor<?x4xf32>) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<?x4xf32>
  return %sum : tensor<?x4xf32>
}

// -----

func.func @main(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %first = tensor.dim %x, %c0 : tensor<?x4xf32>
  %second = tensor.dim %y, %c0 : tensor<?x4xf32>
  %same = arith.cmpi eq, %first, %second : index
  // expected-error@below {{specialize-sizes: 'cf.assert' does not hold for these sizes: mismatched size for broadcast}}
  cf.assert %same, "mismatched size for broadcast"
  return %x : tensor<?x4xf32>
}

// -----

func.func @main(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %columns = tensor.dim %x, %c1 : tensor<?x?xf32>
  %left = arith.subi %rows, %c2 : index
  // expected-error@below {{specialize-sizes: 'tensor.extract_slice' gives tensor<0x3xf32>, a tensor without elements}}
  %part = tensor.extract_slice %x[2, 0] [%left, %columns] [1, 1] : tensor<?x?xf32> to tensor<?x?xf32>
  return %part : tensor<?x?xf32>
}

// -----

func.func @main(%x: tensor<?x?xf32>) -> tensor<4x?xf32> {
  %c1 = arith.constant 1 : index
  %columns = tensor.dim %x, %c1 : tensor<?x?xf32>
  // expected-error@below {{specialize-sizes: 'tensor.extract_slice' takes 4 from 0 on in steps of 1 of dimension 0 of tensor<2x3xf32>}}
  %part = tensor.extract_slice %x[0, 0] [4, %columns] [1, 1] : tensor<?x?xf32> to tensor<4x?xf32>
  return %part : tensor<4x?xf32>
}

// -----

func.func @main(%x: tensor<?x?xf32>) -> tensor<?x4xf32> {
  // expected-error@below {{specialize-sizes: 'tensor.cast' casts tensor<2x3xf32> to tensor<?x4xf32>}}
  %y = tensor.cast %x : tensor<?x?xf32> to tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

func.func @main(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c2 = arith.constant 2 : index
  // expected-error@below {{specialize-sizes: 'tensor.expand_shape' expands a dimension of 3 to [2, 2]}}
  %y = tensor.expand_shape %x [[0], [1, 2]] output_shape [%c2, 2, %c2] : tensor<?x?xf32> into tensor<?x2x?xf32>
  %z = tensor.collapse_shape %y [[0], [1, 2]] : tensor<?x2x?xf32> into tensor<?x?xf32>
  return %z : tensor<?x?xf32>
}

// -----

// A size that is read from data.
func.func @main(%x: tensor<?x?xf32>, %n: tensor<i64>) -> tensor<?xf32> {
  %size = tensor.extract %n[] : tensor<i64>
  %index = arith.index_cast %size : i64 to index
  // expected-error@below {{specialize-sizes: 'tensor.empty' gives tensor<?xf32>, whose sizes don't follow from those of the arguments}}
  %y = tensor.empty(%index) : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// expected-error@below {{specialize-sizes: 'builtin.module' has no function @main or @forward; its functions are @encode, @decode; call the model's one @main}}
module {
  func.func @encode(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    return %x : tensor<?x2xf32>
  }
  func.func @decode(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    return %x : tensor<?x2xf32>
  }
}
