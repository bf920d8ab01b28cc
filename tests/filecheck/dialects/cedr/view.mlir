// RUN: CEDR_ROUNDTRIP | filecheck %s

// The same elements in row-major order.

func.func @f(%x: tensor<1x512x7x7xf32>, %y: memref<1x1xf32>) {
  %0 = cedr.view %x : tensor<1x512x7x7xf32> to tensor<1x25088xf32>
  %1 = cedr.view %y : memref<1x1xf32> to memref<f32>
  func.return
}

// CHECK-LABEL: func.func @f(%x: tensor<1x512x7x7xf32>, %y: memref<1x1xf32>) {
// CHECK-NEXT:    %0 = cedr.view %x : tensor<1x512x7x7xf32> to tensor<1x25088xf32>
// CHECK-NEXT:    %1 = cedr.view %y : memref<1x1xf32> to memref<f32>
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
