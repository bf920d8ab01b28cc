// RUN: cedr-opt %s -p fold-transposes | filecheck %s

// A matrix that is made while the model runs is read as it stands.
// CHECK-LABEL: func.func @keys
// CHECK-NOT:     linalg.transpose
// CHECK:         linalg.matmul indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>] ins(%x, %w : tensor<1x8xf32>, tensor<4x8xf32>)
func.func @keys(%x: tensor<1x8xf32>, %w: tensor<4x8xf32>, %c: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %t = linalg.transpose ins(%w : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<1x8xf32>, tensor<8x4xf32>) outs(%c : tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %y : tensor<1x4xf32>
}

// A transpose that something else reads stays for that.
// CHECK-LABEL: func.func @shared
// CHECK:         linalg.transpose
// CHECK:         linalg.matmul indexing_maps
func.func @shared(%x: tensor<1x8xf32>, %w: tensor<4x8xf32>, %c: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<8x4xf32>) {
  %e = tensor.empty() : tensor<8x4xf32>
  %t = linalg.transpose ins(%w : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<1x8xf32>, tensor<8x4xf32>) outs(%c : tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %y, %t : tensor<1x4xf32>, tensor<8x4xf32>
}

// The first operand has no transposed call: left alone.
// CHECK-LABEL: func.func @first_operand
// CHECK:         linalg.transpose
// CHECK:         linalg.matmul ins(
func.func @first_operand(%x: tensor<8x1xf32>, %w: tensor<8x4xf32>, %c: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %e = tensor.empty() : tensor<1x8xf32>
  %t = linalg.transpose ins(%x : tensor<8x1xf32>) outs(%e : tensor<1x8xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%t, %w : tensor<1x8xf32>, tensor<8x4xf32>) outs(%c : tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %y : tensor<1x4xf32>
}

// Two transposes in a row cancel.
// CHECK-LABEL: func.func @twice
// CHECK:         linalg.matmul ins(%x, %w : tensor<1x8xf32>, tensor<8x4xf32>)
func.func @twice(%x: tensor<1x8xf32>, %w: tensor<8x4xf32>, %c: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %f = tensor.empty() : tensor<8x4xf32>
  %t = linalg.transpose ins(%w : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
  %u = linalg.transpose ins(%t : tensor<4x8xf32>) outs(%f : tensor<8x4xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %u : tensor<1x8xf32>, tensor<8x4xf32>) outs(%c : tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %y : tensor<1x4xf32>
}

// Of many rows and columns, a weight is left to fold-constants, which transposes it once.
// CHECK-LABEL: func.func @linear
// CHECK:         %t = linalg.transpose ins(%w
// CHECK:         linalg.matmul ins(%x, %t
func.func @linear(%x: tensor<2x8xf32>, %c: tensor<2x64xf32>) -> tensor<2x64xf32> {
  %w = cedr.weight @fc.weight : tensor<64x8xf32>
  %e = tensor.empty() : tensor<8x64xf32>
  %t = linalg.transpose ins(%w : tensor<64x8xf32>) outs(%e : tensor<8x64xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<2x8xf32>, tensor<8x64xf32>) outs(%c : tensor<2x64xf32>) -> tensor<2x64xf32>
  func.return %y : tensor<2x64xf32>
}

// With one row it is read as it stands.
// CHECK-LABEL: func.func @one_row
// CHECK-NOT:     linalg.transpose
// CHECK:         linalg.matmul indexing_maps
func.func @one_row(%x: tensor<1x8xf32>, %c: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %w = cedr.weight @fc.weight : tensor<64x8xf32>
  %e = tensor.empty() : tensor<8x64xf32>
  %t = linalg.transpose ins(%w : tensor<64x8xf32>) outs(%e : tensor<8x64xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<1x8xf32>, tensor<8x64xf32>) outs(%c : tensor<1x64xf32>) -> tensor<1x64xf32>
  func.return %y : tensor<1x64xf32>
}

// And with few columns.
// CHECK-LABEL: func.func @few_columns
// CHECK-NOT:     linalg.transpose
// CHECK:         linalg.matmul indexing_maps
func.func @few_columns(%x: tensor<2x8xf32>, %c: tensor<2x63xf32>) -> tensor<2x63xf32> {
  %w = cedr.weight @fc.weight : tensor<63x8xf32>
  %e = tensor.empty() : tensor<8x63xf32>
  %t = linalg.transpose ins(%w : tensor<63x8xf32>) outs(%e : tensor<8x63xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<2x8xf32>, tensor<8x63xf32>) outs(%c : tensor<2x63xf32>) -> tensor<2x63xf32>
  func.return %y : tensor<2x63xf32>
}
