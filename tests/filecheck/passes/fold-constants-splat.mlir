// RUN: cedr-opt %s -p 'fold-constants' | filecheck %s

// Nothing is folded here, so no weights are needed: splats stay splats, and weights as they are have nothing to fold.

func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %w = cedr.weight @fc.weight : tensor<2x3xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %c = arith.constant 1.0 : f32
  %one = linalg.fill ins(%c : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %d = arith.constant dense<2.0> : tensor<2x3xf32>
  %a = linalg.add ins(%x, %one : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %b = linalg.mul ins(%a, %d : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %b, %w : tensor<2x3xf32>, tensor<2x3xf32>
}

// CHECK: %w = cedr.weight @fc.weight : tensor<2x3xf32>
// CHECK: %one = linalg.fill
// CHECK: %d = arith.constant dense<2.000000e+00> : tensor<2x3xf32>
// CHECK: func.return %b, %w
