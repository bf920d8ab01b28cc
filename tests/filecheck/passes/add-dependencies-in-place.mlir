// RUN: cedr-opt %s -p 'add-dependencies' | filecheck %s

// A grid that updates a buffer waits for its writers and its readers; what is overwritten is forgotten.

func.func @main(%x: memref<8xf32>, %y: memref<8xf32> {cedr.output = "y"}, %z: memref<8xf32> {cedr.output = "z"}) {
  %a = cedr.alloc at 0 : memref<8xf32>
  cedr.grid @a [2 parallel] ins(%x0 = %x[d0 * 4][4] : memref<8xf32>) outs(%a0 = %a[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @b [] ins(%a1 = %a[0][8] : memref<8xf32>) outs(%y1 = %y[0][8] : memref<8xf32>) {
    cedr.zip mul ins(%a1, %a1) outs(%y1)
    cedr.yield
  }
  cedr.grid @update [2 parallel] ins(%x2 = %x[d0 * 4][4] : memref<8xf32>) outs(%a2 = %a[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%a2, %x2) outs(%a2)
    cedr.yield
  }
  cedr.grid @c [2 parallel] ins(%a3 = %a[d0 * 4][4] : memref<8xf32>) outs(%z3 = %z[d0 * 4][4] : memref<8xf32>) {
    cedr.zip add ins(%a3, %a3) outs(%z3)
    cedr.yield
  }
  func.return
}

// CHECK: cedr.grid @a [2 parallel] base 0{{$}}
// CHECK: cedr.zip add ins(%x0, %x0) outs(%a0){{$}}
// CHECK: cedr.grid @b [] base 2{{$}}
// CHECK: cedr.zip mul ins(%a1, %a1) outs(%y1) after [raw @a:0[0 to 1]]{{$}}
// CHECK: cedr.grid @update [2 parallel] base 3{{$}}
// CHECK: cedr.zip add ins(%a2, %x2) outs(%a2) after [war @b:0[]]{{$}}
// CHECK: cedr.grid @c [2 parallel] base 5{{$}}
// CHECK: cedr.zip add ins(%a3, %a3) outs(%z3) after [raw @update:0[d0]]{{$}}
