// RUN: cedr-opt %s -p 'choose{hw=C1}' | filecheck %s --check-prefix=ONE
// RUN: cedr-opt %s -p 'choose{hw=C3}' | filecheck %s
// RUN: cedr-opt %s -p 'choose{hw=C3 slots=2}' | filecheck %s --check-prefix=SLOTS
// RUN: cedr-opt %s -p 'choose{mapping=layerwise hw=C3}' | filecheck %s --check-prefix=LAYERWISE
// RUN: cedr-opt %s -p 'choose{mapping=layerwise slots=5}' | filecheck %s --check-prefix=LAYERWISE-SLOTS

// A convolution, its bias and relu, and a pooling. `default`: even numbers of rows for two tiles a
// worker; a tile of the pooling reads whole tiles of them; the generic is an epilogue. `layerwise`: a call per pair of channels, all else by channel.

#image = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1)>
func.func @main(%x: tensor<1x16x50x50xf32>) -> tensor<1x32x24x24xf32> {
  %w = cedr.weight @w : tensor<32x16x3x3xf32>
  %bias = cedr.weight @b : tensor<32xf32>
  %e = tensor.empty() : tensor<1x32x48x48xf32>
  %c = arith.constant 0.0 : f32
  %zero = linalg.fill ins(%c : f32) outs(%e : tensor<1x32x48x48xf32>) -> tensor<1x32x48x48xf32>
  %y = linalg.conv_2d_nchw_fchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x16x50x50xf32>, tensor<32x16x3x3xf32>) outs(%zero : tensor<1x32x48x48xf32>) -> tensor<1x32x48x48xf32>
  %r = linalg.generic {indexing_maps = [#image, #channel, #image], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%y, %bias : tensor<1x32x48x48xf32>, tensor<32xf32>) outs(%e : tensor<1x32x48x48xf32>) {
  ^bb0(%v: f32, %b: f32, %o: f32):
    %0 = arith.addf %v, %b : f32
    %1 = arith.constant 0.0 : f32
    %2 = arith.maximumf %0, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<1x32x48x48xf32>
  %f = tensor.empty() : tensor<1x32x24x24xf32>
  %lowest = arith.constant 0xff800000 : f32
  %low = linalg.fill ins(%lowest : f32) outs(%f : tensor<1x32x24x24xf32>) -> tensor<1x32x24x24xf32>
  %k = tensor.empty() : tensor<2x2xf32>
  %p = linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%r, %k : tensor<1x32x48x48xf32>, tensor<2x2xf32>) outs(%low : tensor<1x32x24x24xf32>) -> tensor<1x32x24x24xf32>
  func.return %p : tensor<1x32x24x24xf32>
}

// CHECK: builtin.module attributes {cedr.platform = #cedr.platform<"zcu102", "C3", "{{[0-9a-f]+}}">} {
// CHECK: linalg.conv_2d_nchw_fchw {{.*}}cedr.plan = #cedr.plan<conv2d, [0, 0, 8, 0, 0, 0, 0], {slots = 6 : i64}>
// CHECK: linalg.generic {{.*}}cedr.plan = #cedr.plan<epilogue>
// CHECK: linalg.pooling_nchw_max {{.*}}cedr.plan = #cedr.plan<kernel, [0, 0, 8, 0, 0, 0]>

// ONE: #cedr.platform<"zcu102", "C1",
// ONE: linalg.conv_2d_nchw_fchw {{.*}}cedr.plan = #cedr.plan<conv2d, [0, 0, 24, 0, 0, 0, 0], {slots = 2 : i64}>

// SLOTS: linalg.conv_2d_nchw_fchw {{.*}}{slots = 2 : i64}

// LAYERWISE: linalg.conv_2d_nchw_fchw {{.*}}cedr.plan = #cedr.plan<conv2d, [1, 1, 0, 0, 1, 0, 0], {slots = 16 : i64}>
// LAYERWISE: linalg.generic {{.*}}cedr.plan = #cedr.plan<kernel, [1, 1, 0, 0]>
// LAYERWISE: linalg.pooling_nchw_max {{.*}}cedr.plan = #cedr.plan<kernel, [1, 1, 0, 0, 0, 0]>

// LAYERWISE-SLOTS: linalg.conv_2d_nchw_fchw {{.*}}{slots = 5 : i64}
