// RUN: cedr-opt %s -p bufferize | filecheck %s

// An argument returned, and a value returned twice, are copied to the result's memory.

func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %p = cedr.grid @a []
      ins(%ia = %x[0][8] : tensor<8xf32>)
      outs(%oa = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%ia, %ia) outs(%oa)
    cedr.yield
  }
  func.return %x, %p, %p : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32>, %output0: memref<8xf32> {cedr.output = "output0"}, %output1: memref<8xf32> {cedr.output = "output1"}, %output2: memref<8xf32> {cedr.output = "output2"}) {
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%ia = %x[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%oa = %output1[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ia, %ia) outs(%oa)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @result_copy []
// CHECK-NEXT:        ins(%i0 = %x[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%o0 = %output0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.kernel @result_copy_k [8] maps [(d0), (d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%0: f32, %1: f32):
// CHECK-NEXT:        cedr.yield %0 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @result_copy_1 []
// CHECK-NEXT:        ins(%i0 = %output1[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%o0 = %output2[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.kernel @result_copy_1_k [8] maps [(d0), (d0)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%0: f32, %1: f32):
// CHECK-NEXT:        cedr.yield %0 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
