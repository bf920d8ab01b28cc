// RUN: cedr-opt %s --print-op-generic | filecheck %s
// RUN: cedr-opt %s --print-op-generic | cedr-opt | filecheck %s --check-prefix=CUSTOM

// Each call's generic form: a property for each clause, absent where the clause is.

func.func @f(%x: memref<1x1x3x3xf32>, %w: memref<1x1x1x1xf32>, %l: memref<1x1x4xf32>, %k: memref<1x1x2xf32>, %s: memref<1x1x2xf32>, %a: memref<2x2xf32>, %c: memref<1x2xcomplex<f32>>) {
  // CHECK: "cedr.conv2d"(%x, %w, %x) <{operandSegmentSizes = array<i32: 2, 1>}>
  // CUSTOM: cedr.conv2d ins(%x, %w) outs(%x)
  cedr.conv2d ins(%x, %w) outs(%x)
  // CHECK-NEXT: "cedr.conv1d"(%l, %k, %s) <{strides = array<i64: 2>, dilations = array<i64: 1>, operandSegmentSizes = array<i32: 2, 1>}>
  // CUSTOM-NEXT: cedr.conv1d strides [2] dilations [1] ins(%l, %k) outs(%s)
  cedr.conv1d strides [2] dilations [1] ins(%l, %k) outs(%s)
  // CHECK-NEXT: "cedr.gemm"(%a, %a, %a) <{operandSegmentSizes = array<i32: 2, 1>}>
  // CUSTOM-NEXT: cedr.gemm ins(%a, %a) outs(%a)
  cedr.gemm ins(%a, %a) outs(%a)
  // CHECK-NEXT: "cedr.gemm"(%a, %a, %a) <{transpose_b, operandSegmentSizes = array<i32: 2, 1>}>
  // CUSTOM-NEXT: cedr.gemm transpose_b ins(%a, %a) outs(%a)
  cedr.gemm transpose_b ins(%a, %a) outs(%a)
  // CHECK-NEXT: "cedr.fft"(%c, %c) <{operandSegmentSizes = array<i32: 1, 1>}>
  // CUSTOM-NEXT: cedr.fft ins(%c) outs(%c)
  cedr.fft ins(%c) outs(%c)
  // CHECK-NEXT: "cedr.fft"(%c, %c) <{inverse, operandSegmentSizes = array<i32: 1, 1>}>
  // CUSTOM-NEXT: cedr.fft inverse ins(%c) outs(%c)
  cedr.fft inverse ins(%c) outs(%c)
  // CHECK-NEXT: "cedr.zip"(%a, %a, %a) <{kind = "cmp_mul", operandSegmentSizes = array<i32: 2, 1>}>
  // CUSTOM-NEXT: cedr.zip cmp_mul ins(%a, %a) outs(%a)
  cedr.zip cmp_mul ins(%a, %a) outs(%a)
  // CHECK-NEXT: "cedr.zip"(%a, %a, %a) <{kind = "add", after = [#cedr.dependency<"raw", @g, 2 : i64, affine_map<() -> (0)>, affine_map<() -> (3)>, false>, #cedr.lag<"war", 4 : i64, 1 : i64>], operandSegmentSizes = array<i32: 2, 1>}> {note = "x"}
  // CUSTOM-NEXT: cedr.zip add ins(%a, %a) outs(%a) attributes {note = "x"} after [raw @g:2[0 to 3], war lag 4:1]
  cedr.zip add ins(%a, %a) outs(%a) attributes {note = "x"} after [raw @g:2[0 to 3], war lag 4:1]
  func.return
}
