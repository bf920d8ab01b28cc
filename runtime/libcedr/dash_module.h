/* What a task module for the CEDR runtime itself calls (`cedr compile --abi dash`): an application with a main of its own,
 * which reads its files, computes, calls CEDR's DASH_ functions, and writes its outputs.
 *
 * Compiled against CEDR's dash.h and dash_types.h (UA-RCL/CEDR 96eeda6, libdash/), by a C or a C++ compiler. All instances
 * of an application share its static data in CEDR's daemon, so there is none that changes: what an instance has is in its
 * cedr_dash_run. An error ends the instance alone: main returns 1, where exit() would end the daemon. */
#ifndef CEDR_DASH_MODULE_H
#define CEDR_DASH_MODULE_H

/* GCC 12.2 can write an access as one relative to the address 0 (its bug 110702), and then takes all that comes after it for
 * unreachable. Two operands in one arena suffice: a grid into which its kernel was inlined seemed to write nothing, and was
 * not called. With this, 0 is an address like any other. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-delete-null-pointer-checks")
#endif

/* Before CEDR's headers, which use bool and do not ask for it. */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the module is linked with is its own, whatever else of these names is in the process that loads it. */
#pragma GCC visibility push(hidden)
#include "cedr.h"
#pragma GCC visibility pop

#ifdef __cplusplus
extern "C" {
#endif

#include "dash_types.h"
/* Not sorted into the line above: it needs the types. */
#include "dash.h"

#pragma GCC visibility push(hidden)

/* One instance of a module, from main's begin to its end. */
typedef struct {
  unsigned char *arena;
  void **input;
  void **output;
  void **weight;
  cedr_barrier_t barrier; /* of all its non-blocking calls */
  uint32_t submitted;     /* non-blocking calls so far */
} cedr_dash_run;

typedef struct {
  const char *name;
  const cedr_tensor *inputs;
  int32_t input_count;
  const cedr_tensor *outputs;
  int32_t output_count;
  const cedr_tensor *weights;
  int32_t weight_count;
  const int32_t *initial; /* per input: the weight that it is where it has no file, or -1; NULL: -1 for all */
  int64_t arena_bytes;
  void (*run)(cedr_dash_run *run);
} cedr_dash_module;

/* main() of a module. The files stand beside it: weights.safetensors; input.npy, or input0.npy, input1.npy, ... where there
 * are several; it writes output.npy, or output0.npy, ... A state of the model needs no file. Returns 0, or 1 after a message. */
int cedr_dash_main(int argc, const cedr_dash_module *module);

/* Waits for every non-blocking call submitted so far. */
void cedr_dash_wait(cedr_dash_run *run);

/* `count` pointers, each to `elements` elements of its own; with 0 elements, to be filled in. Given back by
 * cedr_dash_release(). */
dash_cmplx_flt_type **cedr_dash_pointers(int64_t count, int64_t elements);
void cedr_dash_release(dash_cmplx_flt_type **pointers);

/* Where the elements of a tile stand: strides in elements. */
typedef struct {
  int32_t rank;
  int64_t shape[CEDR_MAX_RANK];
  int64_t strides[CEDR_MAX_RANK];
} cedr_dash_tile;

/* Elements of a tile to or from a dense array of complex numbers; real ones get, and lose, a zero imaginary part. */
void cedr_dash_pack_f32(dash_cmplx_flt_type *dense, const float *tile, const cedr_dash_tile *where);
void cedr_dash_unpack_f32(float *tile, const dash_cmplx_flt_type *dense, const cedr_dash_tile *where);
void cedr_dash_pack_c64(dash_cmplx_flt_type *dense, const float _Complex *tile, const cedr_dash_tile *where);
void cedr_dash_unpack_c64(float _Complex *tile, const dash_cmplx_flt_type *dense, const cedr_dash_tile *where);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
