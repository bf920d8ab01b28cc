// RUN: not cedr-opt %s -p 'choose{mapping=fastest}' 2>&1 | filecheck %s --check-prefix=MAPPING
// RUN: not cedr-opt %s -p 'choose{platform=zcu999}' 2>&1 | filecheck %s --check-prefix=PLATFORM
// RUN: not cedr-opt %s -p 'choose{hw=X2}' 2>&1 | filecheck %s --check-prefix=HW
// RUN: not cedr-opt %s -p 'choose{slots=0}' 2>&1 | filecheck %s --check-prefix=SLOTS
// RUN: not cedr-opt %s -p 'choose' 2>&1 | filecheck %s

func.func @main(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %r = linalg.add ins(%x, %x : tensor<?x2xf32>, tensor<?x2xf32>) outs(%y : tensor<?x2xf32>) -> tensor<?x2xf32>
  func.return %r : tensor<?x2xf32>
}

// MAPPING: no mapping 'fastest'; the mappings are default, layerwise
// PLATFORM: no platform 'zcu999'; there are {{.*}}zcu102
// HW: composition 'X2': no PE type at 'X2'; platform zcu102 has C (cpu
// SLOTS: slots is 1 or more, got 0
// CHECK: choose: 'linalg.add' is on tensors of open sizes
