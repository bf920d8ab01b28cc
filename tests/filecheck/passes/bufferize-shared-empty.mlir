// RUN: cedr-opt %s -p cse,bufferize | filecheck %s

// CSE makes one of equal empty tensors: each grid that writes it gets memory of its own.

func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %p = cedr.grid @a []
      ins(%ia = %x[0][8] : tensor<8xf32>)
      outs(%oa = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%ia, %ia) outs(%oa)
    cedr.yield
  }
  %q = cedr.grid @b []
      ins(%ib = %p[0][8] : tensor<8xf32>)
      outs(%ob = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%ib, %ib) outs(%ob)
    cedr.yield
  }
  func.return %q : tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32>, %output0: memref<8xf32> {cedr.output = "output0"}) {
// CHECK-NEXT:    %0 = cedr.alloc : memref<8xf32>
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%ia = %x[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%oa = %0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ia, %ia) outs(%oa)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @b []
// CHECK-NEXT:        ins(%ib = %0[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%ob = %output0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ib, %ib) outs(%ob)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
