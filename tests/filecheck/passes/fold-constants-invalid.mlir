// RUN: not cedr-opt %s -p 'fold-constants' 2>&1 | filecheck %s
// RUN: not cedr-opt %s --weights %S/Inputs/small.safetensors -p 'fold-constants' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not cedr-opt %s -p 'fold-constants{growth-bytes=-1}' 2>&1 | filecheck %s --check-prefix=OPTION

// Without the bytes, or without this one weight, nothing can be folded.

func.func @main() -> tensor<3x2xf32> {
  %w = cedr.weight @nowhere : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  func.return %t : tensor<3x2xf32>
}

// CHECK: fold-constants: needs the weights' bytes, which were not given; use --weights FILE.safetensors; to be folded:
// CHECK-NEXT: 'linalg.transpose' is constant

// NAME: no weight 'nowhere' in the weights given; there are 8

// OPTION: fold-constants: growth-bytes is 0 or more, got -1
