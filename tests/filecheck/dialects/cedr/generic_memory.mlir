// RUN: cedr-opt %s --print-op-generic | filecheck %s
// RUN: cedr-opt %s --print-op-generic | cedr-opt | filecheck %s --check-prefix=CUSTOM

// Buffers and events: an absent clause is an absent property.

func.func @f() {
  // CHECK:       %b = "cedr.alloc"() : () -> memref<4xf32>
  // CUSTOM:      %b = cedr.alloc : memref<4xf32>
  %b = cedr.alloc : memref<4xf32>
  // CHECK-NEXT:  %a = "cedr.alloc"() <{offset = 64 : i64}> {tag} : () -> memref<4xf32>
  // CUSTOM-NEXT: %a = cedr.alloc at 64 {tag} : memref<4xf32>
  %a = cedr.alloc at 64 {tag} : memref<4xf32>
  // CHECK-NEXT:  %v = "cedr.view"(%a) {tag} : (memref<4xf32>) -> memref<2x2xf32>
  // CUSTOM-NEXT: %v = cedr.view %a {tag} : memref<4xf32> to memref<2x2xf32>
  %v = cedr.view %a {tag} : memref<4xf32> to memref<2x2xf32>
  // CHECK-NEXT:  %w = "cedr.weight"() <{weight = @"0.bias"}> {tag} : () -> tensor<4xf32>
  // CUSTOM-NEXT: %w = cedr.weight @"0.bias" {tag} : tensor<4xf32>
  %w = cedr.weight @"0.bias" {tag} : tensor<4xf32>
  // CHECK-NEXT:  "cedr.join"() <{sym_name = "j"}> : () -> ()
  // CUSTOM-NEXT: cedr.join @j
  cedr.join @j
  // CHECK-NEXT:  "cedr.join"() <{sym_name = "k", base = 9 : i64, after = [#cedr.dependency<"waw", @j, 0 : i64, affine_map<() -> ()>, affine_map<() -> ()>, false>]}> {tag} : () -> ()
  // CUSTOM-NEXT: cedr.join @k base 9 after [waw @j:0[]] {tag}
  cedr.join @k base 9 after [waw @j:0[]] {tag}
  // CHECK-NEXT:  "cedr.wait"() <{after = [#cedr.dependency<"raw", @k, 0 : i64, affine_map<() -> ()>, affine_map<() -> ()>, false>]}> {tag} : () -> ()
  // CUSTOM-NEXT: cedr.wait after [raw @k:0[]] {tag}
  cedr.wait after [raw @k:0[]] {tag}
  // CHECK-NEXT:  "cedr.wait"() : () -> ()
  // CUSTOM-NEXT: cedr.wait
  cedr.wait
  func.return
}
