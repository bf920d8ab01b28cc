// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// Steps form a chain, only the first waits for what was there before, and readers wait for the last.

func.func @main(%x: memref<4x6xf32>, %y: memref<4x2xf32> {cedr.output = "y"}) {
  %w = cedr.weight @w : memref<6x2xf32>
  %a = cedr.alloc at 0 : memref<4x2xf32>
  %t = cedr.alloc at 64 : memref<3x2x2xf32>
  cedr.grid @gemm_first [2 parallel]
      ins(%x0 = %x[d0 * 2, 0][2, 2] : memref<4x6xf32>, %w0 = %w[0, 0][2, 2] : memref<6x2xf32>)
      outs(%a0 = %a[d0 * 2, 0][2, 2] : memref<4x2xf32>) {
    cedr.gemm ins(%x0, %w0) outs(%a0)
    cedr.yield
  }
  cedr.grid @gemm [2 parallel, 2 reduction]
      ins(%x1 = %x[d0 * 2, d1 * 2 + 2][2, 2] : memref<4x6xf32>, %w1 = %w[d1 * 2 + 2, 0][2, 2] : memref<6x2xf32>)
      outs(%a1 = %a[d0 * 2, 0][2, 2] : memref<4x2xf32>)
      scratch(%t1 = %t slot ((d0 * 2 + d1) mod 3) : memref<3x2x2xf32>) {
    cedr.gemm ins(%x1, %w1) outs(%t1)
    cedr.zip add ins(%a1, %t1) outs(%a1)
    cedr.yield
  }
  cedr.grid @read [4 parallel] ins(%a2 = %a[d0, 0][1, 2] : memref<4x2xf32>) outs(%y2 = %y[d0, 0][1, 2] : memref<4x2xf32>) {
    cedr.zip add ins(%a2, %a2) outs(%y2)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @gemm_first [2 parallel] base 0{{$}}
// CHECK: cedr.gemm ins(%x0, %w0) outs(%a0){{$}}
// CHECK: cedr.grid @gemm [2 parallel, 2 reduction] base 2{{$}}
// CHECK: cedr.gemm ins(%x1, %w1) outs(%t1) after [war lag 3:1]{{$}}
// CHECK: cedr.zip add ins(%a1, %t1) outs(%a1) after [raw @gemm:0[d0, d1], raw @gemm:1[d0, d1 - 1], raw @gemm_first:0[d0] first]{{$}}
// CHECK: cedr.grid @read [4 parallel] base 10{{$}}
// CHECK: cedr.zip add ins(%a2, %a2) outs(%y2) after [raw @gemm:1[d0 floordiv 2, 1]]{{$}}
