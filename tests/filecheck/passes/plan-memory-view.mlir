// RUN: cedr-opt %s -p 'plan-memory{reuse=full}' | filecheck %s

// A buffer lives as long as its views; a buffer without uses goes.

func.func @main(%x: memref<64xf32>, %y: memref<64xf32> {cedr.output = "y"}) {
  %a = cedr.alloc : memref<64xf32>
  %unused = cedr.alloc : memref<1000xf32>
  %v = cedr.view %a : memref<64xf32> to memref<8x8xf32>
  %w = cedr.view %v : memref<8x8xf32> to memref<64xf32>
  cedr.grid @a [] ins(%x0 = %x[0][64] : memref<64xf32>) outs(%a0 = %a[0][64] : memref<64xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  %b = cedr.alloc : memref<64xf32>
  cedr.grid @b [] ins(%x1 = %x[0][64] : memref<64xf32>) outs(%b1 = %b[0][64] : memref<64xf32>) {
    cedr.zip add ins(%x1, %x1) outs(%b1)
    cedr.yield
  }
  cedr.grid @c [] ins(%b2 = %b[0][64] : memref<64xf32>, %w2 = %w[0][64] : memref<64xf32>) outs(%y2 = %y[0][64] : memref<64xf32>) {
    cedr.zip add ins(%b2, %w2) outs(%y2)
    cedr.yield
  }
  func.return
}

// CHECK: builtin.module attributes {cedr.arena_bytes = 512 : i64, cedr.arena_bound_bytes = 512 : i64} {
// CHECK: %a = cedr.alloc at 0 : memref<64xf32>{{$}}
// CHECK: %b = cedr.alloc at 256 : memref<64xf32>{{$}}
