// RUN: cedr-opt %s -p convert-linalg-to-cedr --split-input-file --verify-diagnostics

func.func @position(%x: tensor<2x3xf32>, %y: tensor<4x6xf32>, %n: tensor<index>) -> tensor<4x6xf32> {
  // expected-error @below {{has no conversion to cedr}}
  %at = tensor.extract %n[] : tensor<index>
  // expected-error @below {{inserts at positions that are not constants}}
  %r = tensor.insert_slice %x into %y[%at, 0] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<4x6xf32>
  func.return %r : tensor<4x6xf32>
}

// -----

func.func @steps(%x: tensor<2x3xf32>, %y: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @below {{inserts with a step other than 1; run import-linalg first}}
  %r = tensor.insert_slice %x into %y[0, 0] [2, 3] [2, 2] : tensor<2x3xf32> into tensor<4x6xf32>
  func.return %r : tensor<4x6xf32>
}
