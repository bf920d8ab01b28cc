// RUN: cedr-opt %s -p bufferize | filecheck %s

// Scratch becomes a ring of the slots that the plan asked for, at most one a tile.

func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %p = cedr.grid @g [4 parallel]
      ins(%i = %x[d0 * 2][2] : tensor<8xf32>)
      outs(%o = %e[d0 * 2][2] : tensor<8xf32>)
      scratch(%t : tensor<2xf32>, %u : tensor<2xf32>) attributes {cedr.slots = 3 : i64} {
    cedr.zip add ins(%i, %i) outs(%t)
    cedr.zip add ins(%t, %i) outs(%u)
    cedr.zip mul ins(%u, %i) outs(%o)
    cedr.yield
  }
  func.return %p : tensor<8xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<8xf32>, %output0: memref<8xf32> {cedr.output = "output0"}) {
// CHECK-NEXT:    %0 = cedr.alloc : memref<3x2xf32>
// CHECK-NEXT:    %1 = cedr.alloc : memref<3x2xf32>
// CHECK-NEXT:    cedr.grid @g [4 parallel]
// CHECK-NEXT:        ins(%i = %x[d0 * 2][2] : memref<8xf32>)
// CHECK-NEXT:        outs(%o = %output0[d0 * 2][2] : memref<8xf32>)
// CHECK-NEXT:        scratch(%t = %0 slot ((d0) mod 3) : memref<3x2xf32>, %u = %1 slot ((d0) mod 3) : memref<3x2xf32>) {
// CHECK-NEXT:      cedr.zip add ins(%i, %i) outs(%t)
// CHECK-NEXT:      cedr.zip add ins(%t, %i) outs(%u)
// CHECK-NEXT:      cedr.zip mul ins(%u, %i) outs(%o)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
