// RUN: cedr-opt %s -p bufferize | filecheck %s

// A destination's chain of grids works in place; the last one is the result's memory.

func.func @main(%x: tensor<8xf32> {cedr.name = "x"}) -> (tensor<8xf32> {cedr.name = "y"}) {
  %e = tensor.empty() : tensor<8xf32>
  %p = cedr.grid @a []
      ins(%ia = %x[0][8] : tensor<8xf32>)
      outs(%oa = %e[0][8] : tensor<8xf32>) {
    cedr.zip add ins(%ia, %ia) outs(%oa)
    cedr.yield
  }
  %f = tensor.empty() : tensor<8xf32>
  %q = cedr.grid @b []
      ins(%ib = %p[0][4] : tensor<8xf32>)
      outs(%ob = %f[0][4] : tensor<8xf32>) {
    cedr.zip add ins(%ib, %ib) outs(%ob)
    cedr.yield
  }
  %r = cedr.grid @c []
      ins(%ic = %p[4][4] : tensor<8xf32>)
      outs(%oc = %q[4][4] : tensor<8xf32>) {
    cedr.zip add ins(%ic, %ic) outs(%oc)
    cedr.yield
  }
  func.return %r : tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32> {cedr.name = "x"}, %y: memref<8xf32> {cedr.output = "y"}) {
// CHECK-NEXT:    %0 = cedr.alloc : memref<8xf32>
// CHECK-NEXT:    cedr.grid @a []
// CHECK-NEXT:        ins(%ia = %x[0][8] : memref<8xf32>)
// CHECK-NEXT:        outs(%oa = %0[0][8] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ia, %ia) outs(%oa)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @b []
// CHECK-NEXT:        ins(%ib = %0[0][4] : memref<8xf32>)
// CHECK-NEXT:        outs(%ob = %y[0][4] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ib, %ib) outs(%ob)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @c []
// CHECK-NEXT:        ins(%ic = %0[4][4] : memref<8xf32>)
// CHECK-NEXT:        outs(%oc = %y[4][4] : memref<8xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%ic, %ic) outs(%oc)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
