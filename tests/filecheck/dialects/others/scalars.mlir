// RUN: cedr-opt %s | cedr-opt | filecheck %s
// RUN: cedr-opt --print-op-generic %s | cedr-opt | filecheck %s

// MLIR's generic form gives an op flags that only permit or promise something; xDSL's op may lack them.
%x, %y, %i = "test.op"() : () -> (f32, f32, i64)
// CHECK: arith.remf %x, %y : f32
%r = arith.remf %x, %y : f32
// CHECK: arith.trunci %i : i64 to i32
%t = "arith.trunci"(%i) <{overflowFlags = #arith.overflow<nsw>}> : (i64) -> i32
