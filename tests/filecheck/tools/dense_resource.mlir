// RUN: cedr-opt %s | cedr-opt | filecheck %s

// The bytes of resources go with the text that names them.
// CHECK: arith.constant dense_resource<w> : tensor<2xf32>
// CHECK: {-#
// CHECK: builtin: {
// CHECK: w: "0x040000000000803F00000040"
func.func @main() -> tensor<2xf32> {
  %w = arith.constant dense_resource<w> : tensor<2xf32>
  return %w : tensor<2xf32>
}
{-# dialect_resources: { builtin: { w: "0x040000000000803F00000040" } } #-}
