// RUN: CEDR_ROUNDTRIP | filecheck %s

// Plans, a platform, tiles.

func.func @f() {
  "test.op"() {plan = #cedr.plan<conv2d, [1, 64, 8, 0, 0, 0, 0], {slots = 8 : i64}>} : () -> ()
  "test.op"() {plan = #cedr.plan<epilogue>} : () -> ()
  "test.op"() {plan = #cedr.plan<kernel, [0, 2]>} : () -> ()
  "test.op"() {platform = #cedr.platform<"zcu102", "C3+F1+C2D1+Z1", "0123abcd">} : () -> ()
  %t = "test.op"() : () -> !cedr.tile<1x64x8x224xf32>
  func.return
}

// CHECK-LABEL: func.func @f() {
// CHECK-NEXT:    "test.op"() {plan = #cedr.plan<conv2d, [1, 64, 8, 0, 0, 0, 0], {slots = 8 : i64}>} : () -> ()
// CHECK-NEXT:    "test.op"() {plan = #cedr.plan<epilogue>} : () -> ()
// CHECK-NEXT:    "test.op"() {plan = #cedr.plan<kernel, [0, 2]>} : () -> ()
// CHECK-NEXT:    "test.op"() {platform = #cedr.platform<"zcu102", "C3+F1+C2D1+Z1", "0123abcd">} : () -> ()
// CHECK-NEXT:    %t = "test.op"() : () -> !cedr.tile<1x64x8x224xf32>
// CHECK-NEXT:    func.return
// CHECK-NEXT:  }
