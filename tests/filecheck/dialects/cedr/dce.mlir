// RUN: cedr-opt %s -p dce | filecheck %s

// On tensors calls whose results nothing uses go, and what only they used. A grid has a name that others may wait for, and
// stays. On buffers every write stays, and so do events.

// CHECK-LABEL: func.func @calls(%x: tensor<8xf32>) -> tensor<8xf32> {
// CHECK-NEXT:    func.return %x : tensor<8xf32>
func.func @calls(%x: tensor<8xf32>) -> tensor<8xf32> {
  %w = cedr.weight @w : tensor<8xf32>
  %v = cedr.view %w : tensor<8xf32> to tensor<8xf32>
  %z = cedr.zip add ins(%x, %v) outs(%x)
  %k = cedr.kernel @k [8] maps [(d0)] ins() outs(%z) {
  ^bb0(%a: f32):
    cedr.yield %a : f32
  }
  func.return %x : tensor<8xf32>
}

// CHECK-LABEL: func.func @tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
// CHECK-NEXT:    %y = cedr.grid @g []
func.func @tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = cedr.grid @g [] ins(%i = %x[0][8] : tensor<8xf32>) outs(%o = %x[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%i, %i) outs(%o)
    cedr.yield
  }
  func.return %x : tensor<8xf32>
}

// CHECK-LABEL: func.func @buffers(%x: memref<8xf32>) {
// CHECK-NEXT:    cedr.grid @g []
// CHECK:         cedr.join @j
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
func.func @buffers(%x: memref<8xf32>) {
  %v = cedr.view %x : memref<8xf32> to memref<2x4xf32>
  cedr.grid @g [] outs(%o = %x[0][8] : memref<8xf32>) {
    cedr.zip add ins(%o, %o) outs(%o)
    cedr.yield
  }
  cedr.join @j
  cedr.wait
  func.return
}
