// RUN: cedr-opt %s -p 'choose{hw=C3},convert-linalg-to-cedr,bufferize,plan-memory,add-dependencies' | filecheck %s
// RUN: not cedr-opt %s -p bufferize 2>&1 | filecheck %s --check-prefix=BUFFERIZE
// RUN: not cedr-opt %s -p convert-linalg-to-cedr,plan-memory 2>&1 | filecheck %s --check-prefix=PLAN
// RUN: not cedr-opt %s -p convert-linalg-to-cedr,add-dependencies 2>&1 | filecheck %s --check-prefix=DEPENDENCIES
// RUN: not cedr-opt %s -p convert-linalg-to-cedr,bufferize,add-dependencies 2>&1 | filecheck %s --check-prefix=PLACES
// RUN: not cedr-opt %s -p convert-linalg-to-cedr,convert-linalg-to-cedr 2>&1 | filecheck %s --check-prefix=TWICE
// RUN: not cedr-opt %s -p convert-linalg-to-cedr,bufferize,bufferize 2>&1 | filecheck %s --check-prefix=BUFFERS

// Each lowering takes the level before it, and says what is missing on another.

// CHECK: cedr.grid @{{.*}} base 0
// CHECK: cedr.wait
// BUFFERIZE: error: bufferize: 'linalg.exp' is no grid, view, weight or empty tensor; run convert-linalg-to-cedr first
// PLAN: error: plan-memory: 'cedr.grid' @{{.*}} is on tensors; run bufferize first
// DEPENDENCIES: error: add-dependencies: 'cedr.grid' {{.*}}tensors
// PLACES: error: add-dependencies: 'cedr.alloc' {{.*}}offset
// TWICE: error: convert-linalg-to-cedr: 'cedr.grid' has no conversion to cedr
// BUFFERS: error: bufferize: 'cedr.grid' is on buffers already
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %z = linalg.exp ins(%y : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  func.return %z : tensor<8xf32>
}
