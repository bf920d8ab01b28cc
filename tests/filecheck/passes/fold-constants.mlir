// RUN: cedr-opt %s --weights %S/Inputs/small.safetensors -p 'fold-constants' | filecheck %s

// A transposed weight becomes a packed one; what only it used is gone.

func.func @main(%x: tensor<1x3xf32>) -> tensor<1x2xf32> {
  %w = cedr.weight @fc.weight : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %y = tensor.empty() : tensor<1x2xf32>
  %c = arith.constant 0.0 : f32
  %zero = linalg.fill ins(%c : f32) outs(%y : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = linalg.matmul ins(%x, %t : tensor<1x3xf32>, tensor<3x2xf32>) outs(%zero : tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %r : tensor<1x2xf32>
}

// CHECK:      func.func @main(%x: tensor<1x3xf32>) -> tensor<1x2xf32> {
// CHECK-NEXT: %t = cedr.weight @fc.weight.{{[0-9a-f]+}} : tensor<3x2xf32>
// CHECK-NEXT: %y = tensor.empty() : tensor<1x2xf32>
// CHECK-NEXT: arith.constant
// CHECK-NEXT: linalg.fill
// CHECK-NEXT: linalg.matmul ins(%x, %t :
