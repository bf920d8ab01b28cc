// RUN: cedr-opt %s -p import-linalg --verify-diagnostics

func.func @main() -> tensor<2xf32> {
  // expected-error@below {{import-linalg: 'arith.constant' holds weights (dense_resource<w>) and there is no file for them; say where to write them: --weights-out FILE.safetensors}}
  %w = arith.constant dense_resource<w> : tensor<2xf32>
  return %w : tensor<2xf32>
}
{-# dialect_resources: { builtin: { w: "0x040000000000803F0000803F" } } #-}
