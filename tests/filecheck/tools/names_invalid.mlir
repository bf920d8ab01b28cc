// RUN: cedr-opt %s --split-input-file --verify-diagnostics

// Ops, types and values that there are not, where they are named.

// expected-error @below {{no op 'cedr.conv3d'; the dialect 'cedr' has no such op}}
"cedr.conv3d"() : () -> ()

// -----

// expected-error @below {{no op 'tosa.conv2d'}}
"tosa.conv2d"() : () -> ()

// -----

// expected-error @below {{cedr.til}}
%0 = "test.op"() : () -> !cedr.til<2xf32>

// -----

func.func @g(%x: memref<2xf32>) {
  // expected-error @below {{%y is not defined before this use}}
  cedr.zip add ins(%x, %y) outs(%x)
  func.return
}
