// RUN: cedr-opt %s -p 'convert-linalg-to-cedr,bufferize,plan-memory,add-dependencies' | filecheck %s

// A loop becomes a grid of sequential steps: the state stays where it is, the row that each step makes moves.

func.func @main(%x: tensor<5x2x3xf32>, %h: tensor<2x3xf32>, %w: tensor<3x3xf32>) -> (tensor<5x2x3xf32>, tensor<2x3xf32>) {
  %zero = arith.constant 0 : index
  %five = arith.constant 5 : index
  %one = arith.constant 1 : index
  %four = arith.constant 4 : index
  %f = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x2x3xf32>
  %last, %all = scf.for %t = %zero to %five step %one iter_args(%s = %h, %y = %e) -> (tensor<2x3xf32>, tensor<5x2x3xf32>) {
    %d = tensor.empty() : tensor<2x3xf32>
    %z = linalg.fill ins(%f : f32) outs(%d : tensor<2x3xf32>) -> tensor<2x3xf32>
    %g = linalg.matmul ins(%s, %w : tensor<2x3xf32>, tensor<3x3xf32>) outs(%z : tensor<2x3xf32>) -> tensor<2x3xf32>
    %back = arith.subi %four, %t : index
    %i = tensor.extract_slice %x[%back, 0, 0] [1, 2, 3] [1, 1, 1] : tensor<5x2x3xf32> to tensor<2x3xf32>
    %n, %m = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%g, %i : tensor<2x3xf32>, tensor<2x3xf32>) outs(%d, %d : tensor<2x3xf32>, tensor<2x3xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %k: f32):
      %v = arith.addf %a, %b : f32
      linalg.yield %v, %v : f32, f32
    } -> (tensor<2x3xf32>, tensor<2x3xf32>)
    %p = tensor.insert_slice %m into %y[%back, 0, 0] [1, 2, 3] [1, 1, 1] : tensor<2x3xf32> into tensor<5x2x3xf32>
    scf.yield %n, %p : tensor<2x3xf32>, tensor<5x2x3xf32>
  }
  func.return %all, %last : tensor<5x2x3xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: func.func @main(%x: memref<5x2x3xf32>, %h: memref<2x3xf32>, %w: memref<3x3xf32>, %output0: memref<5x2x3xf32> {cedr.output = "output0"}, %output1: memref<2x3xf32> {cedr.output = "output1"}) {
// CHECK-NEXT:    cedr.grid @l0_loop_init [] base 0
// CHECK-NEXT:        ins(%i0 = %h[0, 0][2, 3] : memref<2x3xf32>)
// CHECK-NEXT:        outs(%o0 = %output1[0, 0][2, 3] : memref<2x3xf32>) {
// CHECK-NEXT:      cedr.kernel @l0_loop_init_k [2, 3] maps [(d0, d1), (d0, d1)] ins(%i0) outs(%o0) {
// CHECK-NEXT:      ^bb0(%0: f32, %1: f32):
// CHECK-NEXT:        cedr.yield %0 : f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    %0 = cedr.alloc at 0 : memref<4x2x3xf32>
// CHECK-NEXT:    cedr.grid @l0_loop [5 sequential] base 1
// CHECK-NEXT:        ins(%i0 = %w[0, 0][3, 3] : memref<3x3xf32>,
// CHECK-NEXT:            %i1 = %x[-d0 + 4, 0, 0][1, 2, 3] : memref<5x2x3xf32>)
// CHECK-NEXT:        outs(%o0 = %output1[0, 0][2, 3] : memref<2x3xf32>,
// CHECK-NEXT:            %o1 = %output0[-d0 + 4, 0, 0][1, 2, 3] : memref<5x2x3xf32>)
// CHECK-NEXT:        scratch(%t0 = %0 slot ((d0) mod 4) : memref<4x2x3xf32>) {
// CHECK-NEXT:      cedr.gemm ins(%o0, %i0) outs(%t0) after [war lag 4:1, raw @l0_loop:1[d0 - 1], raw @l0_loop_init:0[] first]
// CHECK-NEXT:      cedr.kernel @l0_loop_n [2, 3] maps [(d0, d1), (0, d0, d1), (d0, d1), (0, d0, d1)] ins(%t0, %i1) outs(%o0, %o1) after [war @l0_loop:0[d0]] {
// CHECK-NEXT:      ^bb0(%1: f32, %2: f32, %3: f32, %4: f32):
// CHECK-NEXT:        %v = arith.addf %1, %2 : f32
// CHECK-NEXT:        cedr.yield %v, %v : f32, f32
// CHECK-NEXT:      }
// CHECK-NEXT:      cedr.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    cedr.wait
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
