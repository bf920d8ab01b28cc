// RUN: cedr-opt %s -p convert-linalg-to-cedr --split-input-file --verify-diagnostics

func.func @bounds(%x: tensor<4xf32>, %n: tensor<index>) -> tensor<4xf32> {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @below {{has no conversion to cedr}}
  %count = tensor.extract %n[] : tensor<index>
  // expected-error @below {{runs between bounds that are no constants}}
  %y = scf.for %t = %zero to %count step %one iter_args(%s = %x) -> (tensor<4xf32>) {
    scf.yield %s : tensor<4xf32>
  }
  func.return %y : tensor<4xf32>
}

// -----

func.func @position(%x: tensor<4x4xf32>, %h: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0 : index
  %two = arith.constant 2 : index
  %one = arith.constant 1 : index
  %y = scf.for %t = %zero to %two step %one iter_args(%s = %h) -> (tensor<4xf32>) {
    %square = arith.muli %t, %t : index
    // expected-error @below {{is at a position that is no affine function of the loop's index}}
    %r = tensor.extract_slice %x[%square, 0] [1, 4] [1, 1] : tensor<4x4xf32> to tensor<4xf32>
    scf.yield %r : tensor<4xf32>
  }
  func.return %y : tensor<4xf32>
}

// -----

func.func @insertion(%x: tensor<4xf32>, %h: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = arith.constant 0 : index
  %two = arith.constant 2 : index
  %one = arith.constant 1 : index
  %y = scf.for %t = %zero to %two step %one iter_args(%s = %h) -> (tensor<2x4xf32>) {
    // expected-error @below {{inserts into something else than a tensor that the loop carries}}
    %r = tensor.insert_slice %x into %h[%t, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<2x4xf32>
    scf.yield %r : tensor<2x4xf32>
  }
  func.return %y : tensor<2x4xf32>
}

// -----

func.func @padded(%h: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0 : index
  %two = arith.constant 2 : index
  %one = arith.constant 1 : index
  %y = scf.for %t = %zero to %two step %one iter_args(%s = %h) -> (tensor<4xf32>) {
    // expected-error @below {{has no conversion to cedr inside of a loop}}
    %r = tensor.concat dim(0) %s : (tensor<4xf32>) -> tensor<4xf32>
    scf.yield %r : tensor<4xf32>
  }
  func.return %y : tensor<4xf32>
}
