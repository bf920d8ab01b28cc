// RUN: cedr-opt %s -p bufferize | filecheck %s

// A result under another shape is written through a view of its memory.

func.func @main(%x: tensor<8xf32>) -> tensor<2x4xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %p = cedr.grid @a []
      ins(%ia = %x[0][8] : tensor<8xf32>)
      outs(%oa = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%ia, %ia) outs(%oa)
    cedr.yield
  }
  %v = cedr.view %p : tensor<8xf32> to tensor<2x4xf32>
  func.return %v : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32>, %output0: memref<2x4xf32> {cedr.output = "output0"}) {
// CHECK-NEXT:    %0 = cedr.view %output0 : memref<2x4xf32> to memref<8xf32>
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%ia = %x[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%oa = %0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ia, %ia) outs(%oa)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
