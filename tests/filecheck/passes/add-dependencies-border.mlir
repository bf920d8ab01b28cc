// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// One task fills the two ends of a padded buffer; the interior's writers do not touch them and do not wait.

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}) {
  %w = cedr.weight @w : memref<1x1x3xf32>
  %a = cedr.alloc at 0 : memref<1x1x10xf32>
  %v = cedr.view %x : memref<8xf32> to memref<1x1x8xf32>
  %u = cedr.view %y : memref<8xf32> to memref<1x1x8xf32>
  cedr.grid @border [] outs(%a0 = %a[0, 0, 0][1, 1, 10] : memref<1x1x10xf32>) {
    cedr.kernel @ends [2] maps [(0, 0, d0 * 9)] ins() outs(%a0) {
    ^bb0(%0: f32):
      %1 = arith.constant 0.0 : f32
      cedr.yield %1 : f32
    }
    cedr.yield
  }
  cedr.grid @copy [2 parallel]
      ins(%x1 = %v[0, 0, d0 * 4][1, 1, 4] : memref<1x1x8xf32>) outs(%a1 = %a[0, 0, d0 * 4 + 1][1, 1, 4] : memref<1x1x10xf32>) {
    cedr.zip add ins(%x1, %x1) outs(%a1)
    cedr.yield
  }
  cedr.grid @conv [2 parallel]
      ins(%a2 = %a[0, 0, d0 * 4][1, 1, 6] : memref<1x1x10xf32>, %w2 = %w[0, 0, 0][1, 1, 3] : memref<1x1x3xf32>)
      outs(%y2 = %u[0, 0, d0 * 4][1, 1, 4] : memref<1x1x8xf32>) {
    cedr.conv1d ins(%a2, %w2) outs(%y2)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @border [] base 0{{$}}
// CHECK: cedr.kernel @ends [2] maps [(0, 0, d0 * 9)] ins() outs(%a0) {
// CHECK: cedr.grid @copy [2 parallel] base 1{{$}}
// CHECK: cedr.zip add ins(%x1, %x1) outs(%a1){{$}}
// CHECK: cedr.grid @conv [2 parallel] base 3{{$}}
// CHECK: cedr.conv1d ins(%a2, %w2) outs(%y2) after [raw @copy:0[0 to 1], raw @border:0[]]{{$}}
