// RUN: cedr-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @fine
func.func @fine() attributes {plan = #cedr.plan<gemm, [0, 1]>, window = #cedr.window<affine_map<(d0) -> (d0)>, [1]>} {
  func.return
}

// -----

// expected-error @below {{#cedr.plan needs tile sizes >= 0, got [1, -1]}}
"test.op"() {plan = #cedr.plan<gemm, [1, -1]>} : () -> ()

// -----

// expected-error @below {{#cedr.window has 2 offsets for 1 sizes}}
"test.op"() {window = #cedr.window<affine_map<(d0) -> (d0, 0)>, [1]>} : () -> ()

// -----

// expected-error @below {{#cedr.window needs positive sizes, got [0]}}
"test.op"() {window = #cedr.window<affine_map<(d0) -> (d0)>, [0]>} : () -> ()

// -----

// expected-error @below {{#cedr.window offsets must be affine without division}}
"test.op"() {window = #cedr.window<affine_map<(d0) -> (d0 floordiv 2)>, [1]>} : () -> ()

// -----

// expected-error @below {{#cedr.window: not affine: }}
"test.op"() {window = #cedr.window<affine_map<(d0) -> (d0 mod 2)>, [1]>} : () -> ()

// -----

// expected-error @below {{expected an affine_map of offsets}}
"test.op"() {window = #cedr.window<1 : i64, [1]>} : () -> ()

// -----

// expected-error @below {{!cedr.tile needs a static shape of positive sizes, got [2, 0]}}
%0 = "test.op"() : () -> !cedr.tile<2x0xf32>

// -----

// expected-error @below {{dependency kind must be one of raw, war, waw, got rar}}
"test.op"() {d = #cedr.dependency<"rar", @g, 0 : i64, affine_map<() -> ()>, affine_map<() -> ()>, false>} : () -> ()

// -----

// expected-error @below {{dependency kind must be one of raw, war, waw, got rar}}
"test.op"() {d = #cedr.lag<"rar", 1 : i64, 0 : i64>} : () -> ()

// -----

// expected-error @below {{lag needs a distance >= 1 and a call >= 0, got 1:-1}}
"test.op"() {d = #cedr.lag<"war", 1 : i64, -1 : i64>} : () -> ()
