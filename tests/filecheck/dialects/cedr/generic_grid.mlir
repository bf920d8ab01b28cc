// RUN: cedr-opt %s --print-op-generic | filecheck %s
// RUN: cedr-opt %s --print-op-generic | cedr-opt | filecheck %s --check-prefix=CUSTOM

// A grid's windows are attributes, its tiles the body's arguments.

// CHECK: "cedr.grid"(%x, %y, %r) <{sym_name = "g", domain = array<i64: 2, 3>, iterator_types = ["parallel", "reduction"],
// CHECK-SAME: windows = [#cedr.window<affine_map<(d0, d1) -> ((d0 * 2), d1)>, [2, 1]>, #cedr.window<affine_map<(d0, d1) -> ((d0 * 2), 0)>, [2, 1]>],
// CHECK-SAME: base = 5 : i64, operandSegmentSizes = array<i32: 1, 1, 1>}> ({
// CHECK-NEXT: ^bb0(%i: !cedr.tile<2x1xf32>, %o: !cedr.tile<2x1xf32>, %t: !cedr.tile<2x1xf32>):
// CHECK-NEXT: "cedr.zip"(%i, %i, %t)
// CHECK-NEXT: "cedr.zip"(%t, %o, %o)
// CHECK-NEXT: "cedr.yield"() : () -> ()
// CHECK-NEXT: }) {note} : (memref<4x3xf32>, memref<4x1xf32>, memref<2x2x1xf32>) -> ()

// CUSTOM:      cedr.grid @g [2 parallel, 3 reduction] base 5
// CUSTOM-NEXT:   ins(%i = %x[d0 * 2, d1][2, 1] : memref<4x3xf32>)
// CUSTOM-NEXT:   outs(%o = %y[d0 * 2, 0][2, 1] : memref<4x1xf32>)
// CUSTOM-NEXT:   scratch(%t = %r slot ((d0 * 3 + d1) mod 2) : memref<2x2x1xf32>) attributes {note} {
func.func @f(%x: memref<4x3xf32>, %y: memref<4x1xf32>, %r: memref<2x2x1xf32>) {
  cedr.grid @g [2 parallel, 3 reduction] base 5
      ins(%i = %x[d0 * 2, d1][2, 1] : memref<4x3xf32>)
      outs(%o = %y[d0 * 2, 0][2, 1] : memref<4x1xf32>)
      scratch(%t = %r slot ((d0 * 3 + d1) mod 2) : memref<2x2x1xf32>) attributes {note} {
    cedr.zip mul ins(%i, %i) outs(%t)
    cedr.zip add ins(%t, %o) outs(%o)
    cedr.yield
  }
  func.return
}
