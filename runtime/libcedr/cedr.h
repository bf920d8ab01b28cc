/* libcedr: what an emitted task module calls. C11; libc and libm only.
 *
 * A module describes its calls ("sites"), its inputs, outputs and weights in constant tables and hands them to
 * cedr_main(). Its run function submits tasks. What a submission does depends on the environment:
 *   CEDR_MODE=run      (default) computes it at once, in the order of submission;
 *   CEDR_MODE=record   writes it to the file CEDR_RECORD names, and computes it too if CEDR_VALUES=1;
 *   CEDR_MODE=execute  compares it with the record and keeps it until cedr_wait(), where the tasks run in the order of
 *                      the file CEDR_SCHEDULE names.
 */
#ifndef CEDR_H
#define CEDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "half.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CEDR_MAX_RANK = 8, CEDR_MAX_DIMS = 14 };

typedef enum {
  CEDR_F64,
  CEDR_F32,
  CEDR_I64,
  CEDR_I32,
  CEDR_I16,
  CEDR_I8,
  CEDR_U8,
  CEDR_I1,
  CEDR_C64,
  CEDR_F16,
  CEDR_BF16 /* as a .npy file: its bits, uint16 */
} cedr_dtype;

/* A tensor with a name: an input, an output or a weight. Dense, row-major. */
typedef struct {
  const char *name;
  cedr_dtype dtype;
  int32_t rank;
  int64_t shape[CEDR_MAX_RANK];
} cedr_tensor;

typedef struct cedr_site cedr_site;

/* Computes one task: operand[] points to the first element of each tile, ins before outs. */
typedef void cedr_function(const cedr_site *site, void *const operand[]);

/* One call of one grid: everything about it that does not depend on the tile. */
struct cedr_site {
  cedr_function *run;                             /* NULL: nothing to compute (join) */
  int32_t operands;                               /* ins and outs */
  const char *record;                             /* its line in the record's class table */
  int64_t dims[CEDR_MAX_DIMS];                    /* the API's dimensions, in the order of the API table */
  const int64_t (*strides)[CEDR_MAX_RANK];        /* per operand, in elements */
  int32_t variant;                                /* cedr_zip_kind, or 1 for transpose_b, inverse */
};

typedef enum { CEDR_ZIP_ADD, CEDR_ZIP_SUB, CEDR_ZIP_MUL, CEDR_ZIP_DIV, CEDR_ZIP_CMP_MUL } cedr_zip_kind;

typedef struct cedr_context cedr_context;

typedef struct {
  const char *name;
  const cedr_tensor *inputs;
  int32_t input_count;
  const cedr_tensor *outputs;
  int32_t output_count;
  const cedr_tensor *weights;
  int32_t weight_count;
  const int32_t *initial; /* per input: the weight that it is where none is given, or -1; NULL: -1 for all */
  const cedr_site *sites;
  int32_t site_count;
  int64_t arena_bytes;
  uint32_t task_count;
  void (*run)(cedr_context *cedr);
} cedr_module;

/* What the emitted code sees of a run; the rest is private to cedr.c. */
struct cedr_context {
  unsigned char *arena;
  void **input;
  void **output;
  void **weight;
  bool recording; /* dependencies are wanted: cedr_after() must be called before cedr_submit() */
  uint32_t *after;
  uint32_t after_count;
  uint32_t after_capacity;
  struct cedr_state *state;
};

/* main() of a module: arguments, files, the run, the outputs. Returns the exit status. */
int cedr_main(int argc, char **argv, const cedr_module *module);

/* Submits task `task` with the dependencies gathered since the last submission. */
void cedr_submit(cedr_context *cedr, uint32_t task, const cedr_site *site, void *const operand[]);

/* Waits for every task submitted so far. */
void cedr_wait(cedr_context *cedr);

void cedr_after_grow(cedr_context *cedr);

/* The next submission waits for `task`. */
static inline void cedr_after(cedr_context *cedr, uint32_t task) {
  if (cedr->after_count == cedr->after_capacity) {
    cedr_after_grow(cedr);
  }
  cedr->after[cedr->after_count++] = task;
}

static inline int32_t cedr_max(int32_t a, int32_t b) {
  return a > b ? a : b;
}

static inline int32_t cedr_min(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* Division that rounds down; divisor > 0. */
static inline int64_t cedr_floordiv(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

/* Ends the program: an element outside of an operand is asked for. */
#ifdef __GNUC__
__attribute__((noreturn, cold))
#endif
void cedr_out_of_range(int64_t index, int64_t size);

/* An index into a dimension of a tile that a kernel reads at positions which it computes. */
static inline int64_t cedr_at(int64_t index, int64_t size) {
  if (index < 0 || index >= size) {
    cedr_out_of_range(index, size);
  }
  return index;
}

/* The API's calls. */
cedr_function cedr_conv2d_f32, cedr_conv2d_f64;
cedr_function cedr_conv1d_f32, cedr_conv1d_f64;
cedr_function cedr_gemm_f32, cedr_gemm_f64, cedr_gemm_c64;
cedr_function cedr_fft_c64;
cedr_function cedr_zip_f32, cedr_zip_f64, cedr_zip_i64, cedr_zip_i32, cedr_zip_c64;

#ifdef __cplusplus
}
#endif
#endif
