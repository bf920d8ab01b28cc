// RUN: cedr-opt %s -p cse | filecheck %s

// One weight of a name and one view of a value are enough; two buffers are two buffers, and two writes two writes.

// CHECK-LABEL: func.func @f
// CHECK-NEXT:    %a = cedr.weight @a : memref<8xf32>
// CHECK-NEXT:    %b = cedr.weight @b : memref<8xf32>
// CHECK-NEXT:    %v = cedr.view %a : memref<8xf32> to memref<2x4xf32>
// CHECK-NEXT:    %p = cedr.alloc : memref<2x4xf32>
// CHECK-NEXT:    %q = cedr.alloc : memref<2x4xf32>
// CHECK-NEXT:    cedr.zip add ins(%v, %v) outs(%p)
// CHECK-NEXT:    cedr.zip add ins(%v, %v) outs(%p)
// CHECK-NEXT:    "test.op"(%b, %p, %q)
func.func @f() {
  %a = cedr.weight @a : memref<8xf32>
  %again = cedr.weight @a : memref<8xf32>
  %b = cedr.weight @b : memref<8xf32>
  %v = cedr.view %a : memref<8xf32> to memref<2x4xf32>
  %u = cedr.view %again : memref<8xf32> to memref<2x4xf32>
  %p = cedr.alloc : memref<2x4xf32>
  %q = cedr.alloc : memref<2x4xf32>
  cedr.zip add ins(%v, %u) outs(%p)
  cedr.zip add ins(%v, %u) outs(%p)
  "test.op"(%b, %p, %q) : (memref<8xf32>, memref<2x4xf32>, memref<2x4xf32>) -> ()
  func.return
}
