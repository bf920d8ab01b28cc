// RUN: not cedr-opt %s --frob 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: not cedr-opt %s %s 2>&1 | filecheck %s --check-prefix=TWO
// RUN: not cedr-opt %s -p cse --pass-pipeline 'builtin.module(cse)' 2>&1 | filecheck %s --check-prefix=BOTH
// RUN: not cedr-opt %S/absent.mlir 2>&1 | filecheck %s --check-prefix=ABSENT
// RUN: not cedr-opt %S 2>&1 | filecheck %s --check-prefix=FOLDER
// RUN: not cedr-opt %s -o %s/x.mlir 2>&1 | filecheck %s --check-prefix=OUTPUT

// UNKNOWN: cedr-opt: error: unrecognized arguments: --frob
// TWO: cedr-opt: error: unrecognized arguments: {{.*}}usage_invalid.mlir
// BOTH: error: argument --pass-pipeline: not allowed with argument -p/--passes
// ABSENT: absent.mlir: cannot be read: No such file or directory
// FOLDER: tools: cannot be read: Is a directory
// OUTPUT: x.mlir: can't be written: File exists
func.func private @f()
