// RUN: cedr-opt %s -p 'plan-memory{reuse=none}' | filecheck %s

// Nothing is shared.

func.func @main(%x: memref<64xf32>, %y: memref<64xf32> {cedr.output = "y"}) {
  %a = cedr.alloc : memref<64xf32>
  cedr.grid @a [] ins(%x0 = %x[0][64] : memref<64xf32>) outs(%a0 = %a[0][64] : memref<64xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  %b = cedr.alloc : memref<64xf32>
  cedr.grid @b [] ins(%a1 = %a[0][64] : memref<64xf32>) outs(%b1 = %b[0][64] : memref<64xf32>) {
    cedr.zip add ins(%a1, %a1) outs(%b1)
    cedr.yield
  }
  %c = cedr.alloc : memref<64xf32>
  %t = cedr.alloc : memref<4x16xf32>
  cedr.grid @c [4 parallel]
      ins(%b2 = %b[d0 * 16][16] : memref<64xf32>) outs(%c2 = %c[d0 * 16][16] : memref<64xf32>)
      scratch(%t2 = %t slot ((d0) mod 4) : memref<4x16xf32>) {
    cedr.zip add ins(%b2, %b2) outs(%t2)
    cedr.zip add ins(%b2, %t2) outs(%c2)
    cedr.yield
  }
  %d = cedr.alloc : memref<64xf32>
  cedr.grid @d [] ins(%c3 = %c[0][64] : memref<64xf32>) outs(%d3 = %d[0][64] : memref<64xf32>) {
    cedr.zip add ins(%c3, %c3) outs(%d3)
    cedr.yield
  }
  %e = cedr.alloc : memref<64xf32>
  cedr.grid @e [] ins(%d4 = %d[0][64] : memref<64xf32>) outs(%e4 = %e[0][64] : memref<64xf32>) {
    cedr.zip add ins(%d4, %d4) outs(%e4)
    cedr.yield
  }
  cedr.grid @f [] ins(%e5 = %e[0][64] : memref<64xf32>) outs(%y5 = %y[0][64] : memref<64xf32>) {
    cedr.zip add ins(%e5, %e5) outs(%y5)
    cedr.yield
  }
  func.return
}

// CHECK: builtin.module attributes {cedr.arena_bytes = 1536 : i64, cedr.arena_bound_bytes = 640 : i64} {
// CHECK: %a = cedr.alloc at 0 : memref<64xf32>{{$}}
// CHECK: %b = cedr.alloc at 256 : memref<64xf32>{{$}}
// CHECK: %c = cedr.alloc at 512 : memref<64xf32>{{$}}
// CHECK: %t = cedr.alloc at 768 : memref<4x16xf32>{{$}}
// CHECK: scratch(%t2 = %t slot ((d0) mod 4) : memref<4x16xf32>) {
// CHECK: %d = cedr.alloc at 1024 : memref<64xf32>{{$}}
// CHECK: %e = cedr.alloc at 1280 : memref<64xf32>{{$}}
