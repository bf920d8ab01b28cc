// RUN: cedr-opt %s -p bufferize | filecheck %s

// A destination whose old value is used later is copied first.

func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %p = cedr.grid @a []
      ins(%ia = %x[0][8] : tensor<8xf32>)
      outs(%oa = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%ia, %ia) outs(%oa)
    cedr.yield
  }
  %q = cedr.grid @b []
      ins(%ib = %x[0][4] : tensor<8xf32>)
      outs(%ob = %p[0][4] : tensor<8xf32>) {
    cedr.zip add ins(%ib, %ib) outs(%ob)
    cedr.yield
  }
  func.return %p, %q : tensor<8xf32>, tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32>, %output0: memref<8xf32> {cedr.output = "output0"}, %output1: memref<8xf32> {cedr.output = "output1"}) {
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%ia = %x[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%oa = %output0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ia, %ia) outs(%oa)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @b_copy []
// CHECK-NEXT:        ins(%i0 = %output0[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%o0 = %output1[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.kernel @b_copy_k [8] maps [(d0), (d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%0: f32, %1: f32):
// CHECK-NEXT:        cedr.yield %0 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @b []
// CHECK-NEXT:        ins(%ib = %x[0][4] : memref<8xf32>)
// CHECK-NEXT:        outs(%ob = %output1[0][4] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ib, %ib) outs(%ob)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
