// RUN: cedr-opt %s -p bufferize | filecheck %s

// Arguments are read where they lie and never written.

func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %p = cedr.grid @a []
      ins(%ia = %x[0][4] : tensor<8xf32>)
      outs(%oa = %x[0][4] : tensor<8xf32>) {
    cedr.zip add ins(%ia, %ia) outs(%oa)
    cedr.yield
  }
  func.return %p : tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32>, %output0: memref<8xf32> {cedr.output = "output0"}) {
// CHECK-NEXT:    cedr.grid @a_copy []
// CHECK-NEXT:        ins(%i0 = %x[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%o0 = %output0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.kernel @a_copy_k [8] maps [(d0), (d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%0: f32, %1: f32):
// CHECK-NEXT:        cedr.yield %0 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%ia = %x[0][4] : memref<8xf32>)
// CHECK-NEXT:        outs(%oa = %output0[0][4] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ia, %ia) outs(%oa)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
