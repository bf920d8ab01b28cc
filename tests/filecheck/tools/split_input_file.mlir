// RUN: cedr-opt --split-input-file %s | filecheck %s
// RUN: cedr-opt --split-input-file %s | cedr-opt --split-input-file | filecheck %s
// RUN: not cedr-opt %s 2>&1 | filecheck %s --check-prefix=WHOLE

// Each part is a module of its own: the same name may come again.

// CHECK: builtin.module
// CHECK-NEXT: func.func private @f()
// CHECK: // -----
// CHECK-NEXT: builtin.module
// CHECK-NEXT: func.func private @f()
// WHOLE: error: {{.*}}f
func.func private @f()

// -----

func.func private @f()
