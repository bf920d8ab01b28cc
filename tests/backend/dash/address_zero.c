/* GCC 12.2 drops the call of grid() at -O1 and -O2; prints "wrong" then. No other file is needed.
 *
 * The kernel is inlined into the grid, where both operands are an offset from r->arena, of elements of 4 bytes and of 1.
 * ivopts counts with out's address alone and writes in's as 4 * out - 3 * arena, which has no pointer that could be the base:
 * MEM[(float *)0B + ...] (pass ivopts; its bug 110702). local-pure-const2, and modref2 alike, see an access to the address
 * 0, undefined, and take what comes after it for unreachable ("NULL memory access; terminating BB"), so that the store is not
 * seen, grid() is found to be pure, and its call, whose result nobody uses, is dead code in main (dce2).
 * Right with any of -fno-ivopts, -fno-delete-null-pointer-checks, or -fno-ipa-pure-const with -fno-ipa-modref, and
 * without inlining; the sanitizers find nothing. With CURED defined it has what dash_module.h does about it. */
#ifdef CURED
#include "dash_module.h"
#endif
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  unsigned char *arena;
} instance;

static void kernel(void *const operand[]) {
  const float *const in = (const float *)operand[0];
  _Bool *const out = (_Bool *)operand[1];
  for (long i = 0; i < 3; ++i) {
    for (long j = 0; j < 66; ++j) {
      for (long k = 0; k < 197; ++k) {
        out[i * 38809 + j * 197 + k] = in[i * 38809 + j * 197 + k] == 0;
      }
    }
  }
}

__attribute__((noinline)) static void grid(instance *r) {
  for (int d = 0; d < 2; ++d) {
    void *const operand[] = {(float *)(void *)r->arena + 13002L * d, (_Bool *)(r->arena + 500000) + 13002L * d};
    kernel(operand);
  }
}

int main(void) {
  instance r = {(unsigned char *)calloc(700000, 1)};
  if (r.arena == NULL) {
    return 2;
  }
  grid(&r);
  puts(r.arena[500000] == 1 ? "right" : "wrong");
  free(r.arena);
  return 0;
}
