// RUN: cedr-opt %s -p 'convert-linalg-to-cedr,bufferize,plan-memory,add-dependencies' | filecheck %s

// A tensor that a body reads at positions of its own comes whole to every tile, and every tile waits for all of it.

func.func @main(%i: tensor<4xindex>, %x: tensor<6x3xf32>) -> tensor<4x3xf32> {
  %e = tensor.empty() : tensor<6x3xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<6x3xf32>) outs(%e : tensor<6x3xf32>) attrs = {cedr.plan = #cedr.plan<kernel, [3, 0]>} {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<6x3xf32>
  %f = tensor.empty() : tensor<4x3xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<4xindex>) outs(%f : tensor<4x3xf32>) attrs = {cedr.plan = #cedr.plan<kernel, [2, 0]>} {
  ^bb0(%r: index, %o: f32):
    %c = linalg.index 1 : index
    %v = tensor.extract %t[%r, %c] : tensor<6x3xf32>
    linalg.yield %v : f32
  } -> tensor<4x3xf32>
  func.return %y : tensor<4x3xf32>
}

// CHECK-LABEL: func.func @main(%i: memref<4xindex>, %x: memref<6x3xf32>, %output0: memref<4x3xf32> {cedr.output = "output0"}) {
// CHECK-NEXT:    %0 = cedr.alloc at 0 : memref<6x3xf32>
// CHECK-NEXT:    cedr.grid @l0_t [2 parallel] base 0
// CHECK-NEXT:        ins(%i0 = %x[d0 * 3, 0][3, 3] : memref<6x3xf32>)
// CHECK-NEXT:        outs(%o0 = %0[d0 * 3, 0][3, 3] : memref<6x3xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_t_k [3, 3] maps [(d0, d1), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%1: f32, %2: f32):
// CHECK-NEXT:        %n = arith.negf %1 : f32
// CHECK-NEXT:        cedr.yield %n : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.grid @l1_y [2 parallel] base 2
// CHECK-NEXT:        ins(%i0 = %i[d0 * 2][2] : memref<4xindex>,
// CHECK-NEXT:            %i1 = %0[0, 0][6, 3] : memref<6x3xf32>)
// CHECK-NEXT:        outs(%o0 = %output0[d0 * 2, 0][2, 3] : memref<4x3xf32>) {
// CHECK-NEXT:      cedr.kernel @l1_y_k [2, 3] maps [(d0), whole, (d0, d1)] ins(%i0, %i1) outs(%o0) after [raw @l0_t:0[0 to 1]] {
// CHECK-NEXT:      ^bb0(%1: index, %2: !cedr.tile<6x3xf32>, %3: f32):
// CHECK-NEXT:        %4 = cedr.index 1 : index
// CHECK-NEXT:        %5 = cedr.load %2[%1, %4] : f32
// CHECK-NEXT:        cedr.yield %5 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
