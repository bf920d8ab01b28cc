builtin.module attributes {cedr.model = "tiny"} {
 func.func @main(%x: memref<1x3x10x10xf32> {cedr.name = "x"}, %y: memref<1x4x8x8xf32> {cedr.output = "y"}, %z: memref<1x4xf32> {cedr.output = "z"}) {
  %1 = cedr.alloc at 0 : memref<1x4x8x8xf32>
  %2 = cedr.alloc at 1024 : memref<3x1x4x2x8xf32>
  %w0 = cedr.weight @w : memref<4x3x3x3xf32>
  %b0 = cedr.weight @"b.x" : memref<4xf32>
  cedr.grid @conv [1 parallel, 4 parallel] base 0
    ins(%i0 = %x[0, 0, d1 * 2, 0][1, 3, 4, 10] : memref<1x3x10x10xf32>,
        %i1 = %w0[0, 0, 0, 0][4, 3, 3, 3] : memref<4x3x3x3xf32>, %i2 = %b0[0][4] : memref<4xf32>)
    outs(%o0 = %1[0, 0, d1 * 2, 0][1, 4, 2, 8] : memref<1x4x8x8xf32>)
    scratch(%t = %2 slot ((d0 * 4 + d1) mod 3) : memref<3x1x4x2x8xf32>) {
  cedr.conv2d ins(%i0, %i1) outs(%t) after [war lag 3:1]
  cedr.kernel @bias_relu [4, 2, 8] maps [(0, d0, d1, d2), (d0), (0, d0, d1, d2)] ins(%t, %i2) outs(%o0)
      after [raw @conv:0[d0, d1]] {
  ^bb0(%3: f32, %4: f32, %5: f32):
    %6 = arith.addf %3, %4 : f32
    %7 = arith.constant 0.1 : f32
    %8 = arith.maximumf %6, %7 : f32
    cedr.yield %8 : f32
  }
  cedr.yield
  }
  cedr.grid @copy [4 parallel] base 8
    ins(%a = %1[0, d0, 0, 0][1, 1, 8, 8] : memref<1x4x8x8xf32>)
    outs(%o = %y[0, d0, 0, 0][1, 1, 8, 8] : memref<1x4x8x8xf32>) {
    cedr.zip add ins(%a, %a) outs(%o) after [raw @conv:1[0, 0 to 3]]
    cedr.yield
  }
  cedr.join @j base 12 after [raw @copy:0[0 to 3]]
  cedr.grid @mean [4 parallel] base 13
    ins(%a = %y[0, d0, 0, 0][1, 1, 8, 8] : memref<1x4x8x8xf32>)
    outs(%o = %z[0, d0][1, 1] : memref<1x4xf32>) {
    cedr.kernel @mx [8, 8] maps [(0, 0, d0, d1), (0, 0)] init [0xff800000 : f32] ins(%a) outs(%o) after [raw @j:0[]] {
    ^bb0(%p: f32, %q: f32):
      %r = arith.maximumf %p, %q : f32
      cedr.yield %r : f32
    }
    cedr.yield
  }
  cedr.wait
  func.return
 }
}
