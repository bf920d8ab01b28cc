// RUN: CEDR_ROUNDTRIP | filecheck %s

// On tensors a grid gives back its outs; scratch is a type, its slots an attribute.

func.func @f(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %z = cedr.grid @g [4 parallel]
      ins(%i = %x[d0 * 2][2] : tensor<8xf32>)
      outs(%o = %y[-d0 * 2 + 6][2] : tensor<8xf32>)
      scratch(%t : tensor<2xf32>) attributes {cedr.slots = 2 : i64} {
    cedr.zip add ins(%i, %i) outs(%t)
    cedr.zip mul ins(%t, %i) outs(%o)
    cedr.yield
  }
  func.return %z : tensor<8xf32>
}

// CHECK-LABEL: func.func @f(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
// CHECK-NEXT:    %z = cedr.grid @g [4 parallel]
// CHECK-NEXT:        ins(%i = %x[d0 * 2][2] : tensor<8xf32>)
// CHECK-NEXT:        outs(%o = %y[-d0 * 2 + 6][2] : tensor<8xf32>)
// CHECK-NEXT:        scratch(%t : tensor<2xf32>) attributes {cedr.slots = 2 : i64} {
// CHECK-NEXT:      cedr.zip add ins(%i, %i) outs(%t)
// CHECK-NEXT:      cedr.zip mul ins(%t, %i) outs(%o)
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    func.return %z : tensor<8xf32>
// CHECK-NEXT:  }
