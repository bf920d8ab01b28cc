// RUN: cedr-opt %s -p bufferize | filecheck %s

// Weights keep their names.

func.func @main() -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %w = cedr.weight @w : tensor<8xf32>
  %p = cedr.grid @a []
      ins(%ia = %w[0][8] : tensor<8xf32>)
      outs(%oa = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%ia, %ia) outs(%oa)
    cedr.yield
  }
  func.return %p : tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%output0: memref<8xf32> {cedr.output = "output0"}) {
// CHECK-NEXT:    %w = cedr.weight @w : memref<8xf32>
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%ia = %w[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%oa = %output0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ia, %ia) outs(%oa)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
