// RUN: cedr-opt %s -p bufferize | filecheck %s

// A state keeps where it begins, and its new value what it updates.

func.func @main(%x: tensor<8xf32> {cedr.name = "x"}, %sum: tensor<8xf32> {cedr.name = "sum", cedr.initial = "net.sum"}) -> (tensor<8xf32> {cedr.name = "sum", cedr.updates = "sum"}) {
  %e = tensor.empty() : tensor<8xf32>
  %p = cedr.grid @a []
      ins(%i = %x[0][8] : tensor<8xf32>, %s = %sum[0][8] : tensor<8xf32>)
      outs(%o = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%i, %s) outs(%o)
    cedr.yield
  }
  func.return %p : tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32> {cedr.name = "x"}, %sum: memref<8xf32> {cedr.name = "sum", cedr.initial = "net.sum"}, %sum_1: memref<8xf32> {cedr.output = "sum", cedr.updates = "sum"}) {
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%i = %x[0][8] : memref<8xf32>,
// CHECK-NEXT:            %s = %sum[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%o = %sum_1[0][8] : memref<8xf32>) {
