// RUN: cedr-opt %s -p convert-linalg-to-cedr | filecheck %s

// Into a tensor without contents: computed where it is inserted, without its dim of size one.
// CHECK-LABEL: func.func @main
// CHECK-NEXT:    %0 = tensor.empty() : tensor<4x8xf32>
// CHECK-NEXT:    %1 = cedr.view %0 : tensor<4x8xf32> to tensor<32xf32>
// CHECK-NEXT:    %2 = cedr.grid @l0_y []
// CHECK-NEXT:        ins(%i0 = %x[0][8] : tensor<8xf32>)
// CHECK-NEXT:        outs(%o0 = %1[16][8] : tensor<32xf32>) {
// CHECK-NOT:     cedr.grid
func.func @main(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<8xf32>
  %d = tensor.empty() : tensor<4x8xf32>
  %two = arith.constant 2 : index
  %r = tensor.insert_slice %y into %d[%two, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<4x8xf32>
  func.return %r : tensor<4x8xf32>
}

// Into an argument: a copy of it, then one of what is inserted.
// CHECK-LABEL: func.func @argument
// CHECK:         cedr.grid @y_copy []
// CHECK-NEXT:        ins(%i0 = %y[0, 0][4, 6] : tensor<4x6xf32>)
// CHECK:         cedr.grid @x_copy []
// CHECK-NEXT:        ins(%i0 = %x[0, 0][2, 3] : tensor<2x3xf32>)
// CHECK-NEXT:        outs(%o0 = %1[1, 2][2, 3] : tensor<4x6xf32>) {
func.func @argument(%x: tensor<2x3xf32>, %y: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = tensor.insert_slice %x into %y[1, 2] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<4x6xf32>
  func.return %r : tensor<4x6xf32>
}

// One after the other into zeros: the first result is the second's.
// CHECK-LABEL: func.func @chain
// CHECK:         cedr.grid @insert_slice_fill []
// CHECK:             outs(%o0 = %1[1, 2][2, 3] : tensor<4x6xf32>) {
// CHECK:             outs(%o0 = %2[0, 0][1, 6] : tensor<4x6xf32>) {
// CHECK-NOT:     cedr.grid
func.func @chain(%x: tensor<2x3xf32>, %y: tensor<1x6xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %p = tensor.insert_slice %x into %f[1, 2] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<4x6xf32>
  %r = tensor.insert_slice %y into %p[0, 0] [1, 6] [1, 1] : tensor<1x6xf32> into tensor<4x6xf32>
  func.return %r : tensor<4x6xf32>
}

// All of it: nothing is kept, so nothing copied but what is inserted.
// CHECK-LABEL: func.func @whole
// CHECK-NOT:     %y[
// CHECK:         cedr.grid @x_copy_2 []
// CHECK-NOT:     cedr.grid
func.func @whole(%x: tensor<4x6xf32>, %y: tensor<1x4x6xf32>) -> tensor<1x4x6xf32> {
  %r = tensor.insert_slice %x into %y[0, 0, 0] [1, 4, 6] [1, 1, 1] : tensor<4x6xf32> into tensor<1x4x6xf32>
  func.return %r : tensor<1x4x6xf32>
}
