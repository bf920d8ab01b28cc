// RUN: cedr-opt --list-passes | filecheck %s

// Every pass with what it does in a line, and its options with types and defaults.

// CHECK:      add-dependencies
// CHECK-NEXT:     Writes on every call which calls it waits for
// CHECK:      choose
// CHECK-NEXT:     Decides how each op is carried out
// CHECK-NEXT:     mapping: text (default default)
// CHECK-NEXT:     platform: text (default zcu102)
// CHECK-NEXT:     hw: text (default C3+F1+C2D1+Z1)
// CHECK-NEXT:     slots: int or none (default none)
// CHECK:      cse
// CHECK:      fold-constants
// CHECK:          growth-bytes: int (default 4096)
// CHECK:      plan-memory
// CHECK:          reuse: text (default parallel)
// CHECK-NEXT:     alignment: int or none (default none)
