// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// A convolution of rows waits for the rows around its own, and no other.

func.func @main(%x: memref<1x2x10x8xf32>, %y: memref<1x2x8x8xf32> {cedr.output = "y"}) {
  %w = cedr.weight @w : memref<2x2x3x1xf32>
  %a = cedr.alloc at 0 : memref<1x2x10x8xf32>
  cedr.grid @copy [10 parallel]
      ins(%x0 = %x[0, 0, d0, 0][1, 2, 1, 8] : memref<1x2x10x8xf32>)
      outs(%a0 = %a[0, 0, d0, 0][1, 2, 1, 8] : memref<1x2x10x8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @conv [4 parallel]
      ins(%a1 = %a[0, 0, d0 * 2, 0][1, 2, 4, 8] : memref<1x2x10x8xf32>,
          %w1 = %w[0, 0, 0, 0][2, 2, 3, 1] : memref<2x2x3x1xf32>)
      outs(%y1 = %y[0, 0, d0 * 2, 0][1, 2, 2, 8] : memref<1x2x8x8xf32>) {
    cedr.conv2d ins(%a1, %w1) outs(%y1)
    cedr.yield
  }
  cedr.wait
  func.return
}

// CHECK: cedr.grid @copy [10 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @conv [4 parallel] base 10{{$}}
// CHECK: cedr.conv2d ins(%a1, %w1) outs(%y1) after [raw @copy:0[d0 * 2 to d0 * 2 + 3]]{{$}}
// CHECK: cedr.wait{{$}}
