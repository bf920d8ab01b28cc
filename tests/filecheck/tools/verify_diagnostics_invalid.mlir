// RUN: not cedr-opt --verify-diagnostics --split-input-file %s 2>&1 | filecheck %s

// CHECK: verify_diagnostics_invalid.mlir:[[# @LINE + 1]]:1: error: unexpected error: no op 'arith.nothing'
arith.nothing

// -----

// CHECK: verify_diagnostics_invalid.mlir:[[# @LINE + 1]]:4: error: expected error "never" on line [[# @LINE + 2]] did not come
// expected-error@below {{never}}
func.func private @fine()

// -----

// The right text on the wrong line: both are wrong.
// CHECK: :[[# @LINE + 3]]:1: error: unexpected error: no op 'arith.nothing'
// CHECK: :[[# @LINE + 1]]:4: error: expected error "arith.nothing" on line [[# @LINE + 1]] did not come
// expected-error {{arith.nothing}}
arith.nothing

// -----

// CHECK: :[[# @LINE + 1]]:4: error: expected warning "arith.nothing" on line
// expected-warning@below {{arith.nothing}}
arith.nothing
