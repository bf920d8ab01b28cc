// RUN: not cedr-opt %s -p 'plan-memory{reuse=some}' 2>&1 | filecheck %s --check-prefix=REUSE
// RUN: not cedr-opt %s -p 'plan-memory{alignment=48}' 2>&1 | filecheck %s --check-prefix=ALIGNMENT
// RUN: not cedr-opt %s -p 'plan-memory{alignment=4}' 2>&1 | filecheck %s --check-prefix=ELEMENT

// REUSE: error: plan-memory: no reuse 'some'; there are full, parallel, none
// ALIGNMENT: error: plan-memory: alignment must be a power of two, in bytes, got 48
// ELEMENT: error: plan-memory: 'cedr.alloc' memref<8xf64> needs an alignment of 8 bytes, the option says 4

func.func @main(%x: memref<8xf64>, %y: memref<8xf64> {cedr.output = "y"}) {
  %a = cedr.alloc : memref<8xf64>
  cedr.grid @a [] ins(%x0 = %x[0][8] : memref<8xf64>) outs(%a0 = %a[0][8] : memref<8xf64>) {
    cedr.zip add ins(%x0, %x0) outs(%a0)
    cedr.yield
  }
  cedr.grid @b [] ins(%a1 = %a[0][8] : memref<8xf64>) outs(%y1 = %y[0][8] : memref<8xf64>) {
    cedr.zip add ins(%a1, %a1) outs(%y1)
    cedr.yield
  }
  func.return
}
