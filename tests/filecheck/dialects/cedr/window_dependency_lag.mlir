// RUN: CEDR_ROUNDTRIP | filecheck %s

// The attributes that grids and calls hold, in their own form.

// CHECK: window = #cedr.window<affine_map<(d0, d1) -> ((d1 * 8), 0)>, [3, 10]>
"test.op"() {window = #cedr.window<affine_map<(d0, d1) -> (d1 * 8, 0)>, [3, 10]>} : () -> ()
// CHECK: window = #cedr.window<affine_map<() -> ()>, []>
"test.op"() {window = #cedr.window<affine_map<() -> ()>, []>} : () -> ()
// CHECK: dependency = #cedr.dependency<"war", @g, 1 : i64, affine_map<(d0) -> ((d0 floordiv 2))>, affine_map<(d0) -> ((d0 + 1))>, true>
"test.op"() {dependency = #cedr.dependency<"war", @g, 1 : i64, affine_map<(d0) -> (d0 floordiv 2)>, affine_map<(d0) -> (d0 + 1)>, true>} : () -> ()
// CHECK: lag = #cedr.lag<"waw", 4 : i64, 0 : i64>
"test.op"() {lag = #cedr.lag<"waw", 4 : i64, 0 : i64>} : () -> ()
// CHECK: "test.op"() : () -> !cedr.tile<f32>
%0 = "test.op"() : () -> !cedr.tile<f32>
// CHECK: "test.op"() : () -> !cedr.tile<2x1xcomplex<f32>>
%1 = "test.op"() : () -> !cedr.tile<2x1xcomplex<f32>>
