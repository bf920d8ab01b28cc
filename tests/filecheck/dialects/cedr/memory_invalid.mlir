// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// Buffers, views and weights.

// CHECK-LABEL: func.func @a_view_and_a_buffer_at_0
func.func @a_view_and_a_buffer_at_0() {
  %0 = cedr.alloc at 0 : memref<2x3xf32>
  %1 = cedr.view %0 : memref<2x3xf32> to memref<6xf32>
  func.return
}

// -----

func.func @offset() {
  // expected-error @below {{'cedr.alloc' needs an offset >= 0, got -4}}
  %0 = cedr.alloc at -4 : memref<4xf32>
  func.return
}

// -----

func.func @dynamic() {
  // expected-error @below {{'cedr.alloc' needs a static shape, got memref<?xf32>}}
  %0 = cedr.alloc : memref<?xf32>
  func.return
}

// -----

func.func @tensor() {
  // expected-error @below {{cedr.alloc makes a memref}}
  %0 = cedr.alloc : tensor<4xf32>
  func.return
}

// -----

func.func @elements(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.view' keeps the elements, got memref<4xf32> to memref<5xf32>}}
  %0 = cedr.view %x : memref<4xf32> to memref<5xf32>
  func.return
}

// -----

func.func @element_type(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.view' keeps the element type, got memref<4xf32> to memref<4xi32>}}
  %0 = cedr.view %x : memref<4xf32> to memref<4xi32>
  func.return
}

// -----

func.func @kind(%x: memref<4xf32>) {
  // expected-error @below {{'cedr.view' goes from tensor to tensor or from memref to memref}}
  %0 = cedr.view %x : memref<4xf32> to tensor<4xf32>
  func.return
}

// -----

func.func @weight_type() {
  // expected-error @below {{Unexpected attribute f32}}
  %0 = cedr.weight @w : f32
  func.return
}
