// RUN: cedr-opt --verify-diagnostics --split-input-file %s | filecheck %s

// What is expected comes, at its line; parts that verify are printed.

// expected-error@below {{no op 'arith.nothing'; the dialect 'arith' has no such op}}
arith.nothing

// -----

func.func @same_line(%x: f32) -> f32 {
  func.return %x : f64 // expected-error {{operand is used with type f64, but has been previously used or defined with type f32}}
}

// -----

// CHECK: func.func @fine
func.func @fine() {
  func.return
}

// -----

func.func @by_offset(%x: f32) -> f64 {
  // expected-error@+1 {{Expected arguments to have the same types as the function output types}}
  func.return %x : f32
}

// -----

func.func @above(%x: tensor<4xf32>) {
  %0 = tensor.extract_slice %x[0] [5] [1] : tensor<4xf32> to tensor<5xf32>
  %1 = arith.addf %0, %0 : tensor<5xf32>
  %2 = arith.addf %1, %late : tensor<5xf32>
  // expected-error-re@above {{uses operand {{%[a-z]+}} before it is defined}}
  %late = arith.addf %1, %1 : tensor<5xf32>
  func.return
}

// -----

// Two on one line of the input.
// expected-error@below {{no op 'a.b'}}
a.b
