// RUN: not cedr-opt -p 'cse,csee' %s 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not cedr-opt -p 'cse{size=1}' %s 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not cedr-opt -p 'cse dce' %s 2>&1 | filecheck %s --check-prefix=COMMA
// RUN: not cedr-opt --pass-pipeline='builtin.module(cse' %s 2>&1 | filecheck %s --check-prefix=PAREN
// RUN: not cedr-opt --pass-pipeline='linalg.generic(cse)' %s 2>&1 | filecheck %s --check-prefix=ANCHOR
// RUN: not cedr-opt -p 'cse{' %s 2>&1 | filecheck %s --check-prefix=BRACE

// PASS: cedr-opt: error: pass pipeline: no pass 'csee' (did you mean 'cse'?); those there are: {{.*}}canonicalize, {{.*}}cse, dce
// PASS-NEXT: cse,csee
// PASS-NEXT: {{^}}      ^
// OPTION: error: pass pipeline: 'cse' has no option 'size'; its options: none
// OPTION-NEXT: cse{size=1}
// OPTION-NEXT: {{^}}      ^
// COMMA: error: pass pipeline: expected ',' or the end of the pipeline
// PAREN: error: pass pipeline: expected ',' or ')'
// ANCHOR: error: pass pipeline: 'linalg.generic' can't be nested in; only builtin.module, func.func, any can
// BRACE: error: pass pipeline: expected '}'
func.func @f() {
  func.return
}
