// RUN: cedr-opt %s -p 'fuse-elementwise,dce' | filecheck %s
// RUN: cedr-opt %s -p 'fuse-elementwise,dce,choose' | filecheck %s --check-prefix=PLAN

// The product of two complex tensors stays a zip: neither the conjugate before it nor what comes after it is fused with it.
// One with a vector is fused as anything else. A sum with a product is planned as a zip too.

#vector = affine_map<(d0, d1) -> (d1)>
#matrix = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<2x4xcomplex<f32>>, %y: tensor<2x4xcomplex<f32>>, %w: tensor<4xcomplex<f32>>) -> (tensor<2x4xcomplex<f32>>, tensor<2x4xcomplex<f32>>) {
  %e = tensor.empty() : tensor<2x4xcomplex<f32>>
  %conj = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<2x4xcomplex<f32>>) outs(%e : tensor<2x4xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %o: complex<f32>):
    %re = complex.re %a : complex<f32>
    %im = complex.im %a : complex<f32>
    %minus = arith.negf %im : f32
    %0 = complex.create %re, %minus : complex<f32>
    linalg.yield %0 : complex<f32>
  } -> tensor<2x4xcomplex<f32>>
  %product = linalg.generic {indexing_maps = [#matrix, #matrix, #matrix], iterator_types = ["parallel", "parallel"]} ins(%x, %conj : tensor<2x4xcomplex<f32>>, tensor<2x4xcomplex<f32>>) outs(%e : tensor<2x4xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %b: complex<f32>, %o: complex<f32>):
    %0 = complex.mul %a, %b : complex<f32>
    linalg.yield %0 : complex<f32>
  } -> tensor<2x4xcomplex<f32>>
  %sum = linalg.generic {indexing_maps = [#matrix, #matrix, #matrix], iterator_types = ["parallel", "parallel"]} ins(%product, %x : tensor<2x4xcomplex<f32>>, tensor<2x4xcomplex<f32>>) outs(%e : tensor<2x4xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %b: complex<f32>, %o: complex<f32>):
    %0 = complex.add %a, %b : complex<f32>
    linalg.yield %0 : complex<f32>
  } -> tensor<2x4xcomplex<f32>>
  %weighted = linalg.generic {indexing_maps = [#matrix, #vector, #matrix], iterator_types = ["parallel", "parallel"]} ins(%x, %w : tensor<2x4xcomplex<f32>>, tensor<4xcomplex<f32>>) outs(%e : tensor<2x4xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %b: complex<f32>, %o: complex<f32>):
    %0 = complex.mul %a, %b : complex<f32>
    linalg.yield %0 : complex<f32>
  } -> tensor<2x4xcomplex<f32>>
  %shifted = linalg.generic {indexing_maps = [#matrix, #matrix, #matrix], iterator_types = ["parallel", "parallel"]} ins(%weighted, %y : tensor<2x4xcomplex<f32>>, tensor<2x4xcomplex<f32>>) outs(%e : tensor<2x4xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %b: complex<f32>, %o: complex<f32>):
    %0 = complex.sub %a, %b : complex<f32>
    linalg.yield %0 : complex<f32>
  } -> tensor<2x4xcomplex<f32>>
  func.return %sum, %shifted : tensor<2x4xcomplex<f32>>, tensor<2x4xcomplex<f32>>
}

// CHECK:      %conj = linalg.generic
// CHECK:        complex.create
// CHECK:      %product = linalg.generic
// CHECK-NEXT: ^bb
// CHECK-NEXT:   complex.mul
// CHECK-NEXT:   linalg.yield
// CHECK:      %sum = linalg.generic
// CHECK-NEXT: ^bb
// CHECK-NEXT:   complex.add
// CHECK-NEXT:   linalg.yield
// CHECK:      %shifted = linalg.generic
// CHECK-NEXT: ^bb
// CHECK-NEXT:   complex.mul
// CHECK-NEXT:   complex.sub
// CHECK-NEXT:   linalg.yield
// CHECK-NOT:  linalg.generic

// PLAN: %product = linalg.generic {{.*}}cedr.plan = #cedr.plan<zip
// PLAN: %sum = linalg.generic {{.*}}cedr.plan = #cedr.plan<zip
// PLAN: %shifted = linalg.generic {{.*}}cedr.plan = #cedr.plan<kernel
