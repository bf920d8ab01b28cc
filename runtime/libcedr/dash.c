/* The functions of dash.h: arguments checked, computed at once in the caller's thread, handed to submissions.c. */
#include "dash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "application.h"
#include "cedr_complex.h"
#include "internal.h"

/* ---- arguments ---- */

_Noreturn static void bad_argument(cedr_completion done, const char *format, ...) CEDR_PRINTF(2, 3);

_Noreturn static void bad_argument(cedr_completion done, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  cedr_fail("%s: %s", done.call, text);
}

static void check_address(cedr_completion done, const char *name, const void *address) {
  if (address == NULL) {
    bad_argument(done, "%s = NULL: the address of the argument is wanted", name);
  }
}

/* An argument of a non-blocking call. */
#define AT(name) (check_address(done, #name, name), *(name))

static void check_pointer(cedr_completion done, const char *name, const void *pointer) {
  if (pointer == NULL) {
    bad_argument(done, "%s = NULL: the address of its elements is wanted", name);
  }
}

static void check_barrier(cedr_completion done) {
  const cedr_barrier_t *const barrier = done.barrier;
  if (barrier == NULL) {
    return;
  }
  const char *missing = NULL;
  if (barrier->cond == NULL) {
    missing = "cond";
  } else if (barrier->mutex == NULL) {
    missing = "mutex";
  } else if (barrier->completion_ctr == NULL) {
    missing = "completion_ctr";
  }
  if (missing != NULL) {
    bad_argument(done, "barrier->%s = NULL: all three addresses are wanted, or a NULL barrier", missing);
  }
}

static void check_size(cedr_completion done, const char *name, size_t size, size_t element_bytes) {
  const size_t most = PTRDIFF_MAX / element_bytes;
  if (size < 1 || size > most) {
    bad_argument(done, "%s = %zu: 1 to %zu is allowed", name, size, most);
  }
}

/* The extents of a matrix, which has to fit in memory. */
static void check_matrix(cedr_completion done, const char *row_name, size_t rows, const char *column_name,
                         size_t columns, size_t element_bytes) {
  check_size(done, row_name, rows, element_bytes);
  check_size(done, column_name, columns, element_bytes);
  const size_t most = PTRDIFF_MAX / element_bytes / rows;
  if (columns > most) {
    bad_argument(done, "%s = %zu: 1 to %zu is allowed where %s = %zu", column_name, columns, most, row_name, rows);
  }
}

static void check_extent(cedr_completion done, const char *name, int extent) {
  if (extent < 1) {
    bad_argument(done, "%s = %d: 1 to %d is allowed", name, extent, INT32_MAX);
  }
}

static void check_apart(cedr_completion done, const char *name, const void *data, size_t size_bytes,
                        const char *other_name, const void *other, size_t other_bytes) {
  const uintptr_t a = (uintptr_t)data;
  const uintptr_t b = (uintptr_t)other;
  if (a < b + other_bytes && b < a + size_bytes) {
    bad_argument(done, "%s = %p: it overlaps %s = %p of %zu bytes and must not", name, data, other_name, other,
                 other_bytes);
  }
}

/* ---- 16-bit numbers ---- */

/* Modulo 2^16. */
static dash_re_int_type to_int16(uint32_t value) {
  const uint16_t bits = (uint16_t)value;
  dash_re_int_type number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

static int32_t to_int32(uint32_t value) {
  int32_t number;
  memcpy(&number, &value, sizeof number);
  return number;
}

/* Truncated toward zero, modulo 2^16. */
static dash_re_int_type truncated(float value) {
  return to_int16((uint32_t)(int64_t)value);
}

/* Products and sums of 16-bit numbers modulo 2^32. */
static uint32_t product(dash_re_int_type a, dash_re_int_type b) {
  return (uint32_t)((int32_t)a * b);
}

static dash_cmplx_int_type int_add(dash_cmplx_int_type a, dash_cmplx_int_type b) {
  return (dash_cmplx_int_type){.re = to_int16((uint32_t)(a.re + b.re)), .im = to_int16((uint32_t)(a.im + b.im))};
}

static dash_cmplx_int_type int_sub(dash_cmplx_int_type a, dash_cmplx_int_type b) {
  return (dash_cmplx_int_type){.re = to_int16((uint32_t)(a.re - b.re)), .im = to_int16((uint32_t)(a.im - b.im))};
}

static dash_cmplx_int_type int_mul(dash_cmplx_int_type a, dash_cmplx_int_type b) {
  return (dash_cmplx_int_type){.re = to_int16(product(a.re, b.re) - product(a.im, b.im)),
                               .im = to_int16(product(a.re, b.im) + product(a.im, b.re))};
}

/* b is not zero. Its square is at most 2^31, which 32 bits hold as a negative number; no divisor is -1. */
static dash_cmplx_int_type int_div(dash_cmplx_int_type a, dash_cmplx_int_type b) {
  const int32_t square = to_int32(product(b.re, b.re) + product(b.im, b.im));
  const int32_t re = to_int32(product(a.re, b.re) + product(a.im, b.im));
  const int32_t im = to_int32(product(a.im, b.re) - product(a.re, b.im));
  return (dash_cmplx_int_type){.re = to_int16((uint32_t)(re / square)), .im = to_int16((uint32_t)(im / square))};
}

/* ---- ZIP ---- */

static const char *const SIZE_DIM[] = {"n"};

static const char *zip_attributes(cedr_completion done, zip_op_t op) {
  switch (op) {
    case ADD:
      return "{\"kind\":\"add\"}";
    case SUB:
      return "{\"kind\":\"sub\"}";
    case MULT:
      return "{\"kind\":\"mul\"}";
    case DIV:
      return "{\"kind\":\"div\"}";
    case CMP_MULT:
      return "{\"kind\":\"cmp_mul\"}";
  }
  bad_argument(done, "op = %d: ADD (0), SUB (1), MULT (2), DIV (3) and CMP_MULT (4) are allowed", (int)op);
}

static void check_zip(cedr_completion done, const void *input_1, const void *input_2, const void *output, size_t size,
                      size_t element_bytes) {
  check_barrier(done);
  check_pointer(done, "input_1", input_1);
  check_pointer(done, "input_2", input_2);
  check_pointer(done, "output", output);
  check_size(done, "size", size, element_bytes);
}

#define EACH(function)                    \
  for (size_t i = 0; i < size; ++i) {     \
    output[i] = function(a[i], b[i]);     \
  }                                       \
  break

static void zip_flt(cedr_completion done, dash_cmplx_flt_type *input_1, dash_cmplx_flt_type *input_2,
                    dash_cmplx_flt_type *result, size_t size, zip_op_t op) {
  cedr_call_begin();
  check_zip(done, input_1, input_2, result, size, sizeof *result);
  const char *const attributes = zip_attributes(done, op);
  const c64 *const a = (const c64 *)input_1;
  const c64 *const b = (const c64 *)input_2;
  c64 *const output = (c64 *)result;
  switch (op) {
    case ADD:
      EACH(complex_add);
    case SUB:
      EACH(complex_sub);
    case MULT:
    case CMP_MULT:
      EACH(complex_mul);
    case DIV:
      EACH(complex_div);
  }
  const cedr_call_class call = {"DASH_ZIP_flt", "zip", "c64", attributes, 1, SIZE_DIM, (int64_t[]){(int64_t)size}};
  cedr_call_end(&call, done);
}

static void zip_int(cedr_completion done, dash_cmplx_int_type *a, dash_cmplx_int_type *b, dash_cmplx_int_type *output,
                    size_t size, zip_op_t op) {
  cedr_call_begin();
  check_zip(done, a, b, output, size, sizeof *output);
  const char *const attributes = zip_attributes(done, op);
  switch (op) {
    case ADD:
      EACH(int_add);
    case SUB:
      EACH(int_sub);
    case MULT:
    case CMP_MULT:
      EACH(int_mul);
    case DIV:
      for (size_t i = 0; i < size; ++i) {
        if (b[i].re == 0 && b[i].im == 0) {
          bad_argument(done, "input_2[%zu] = 0: integers are not divided by zero", i);
        }
        output[i] = int_div(a[i], b[i]);
      }
      break;
  }
  const cedr_call_class call = {"DASH_ZIP_int", "zip", "ci16", attributes, 1, SIZE_DIM, (int64_t[]){(int64_t)size}};
  cedr_call_end(&call, done);
}

void DASH_ZIP_flt(dash_cmplx_flt_type *input_1, dash_cmplx_flt_type *input_2, dash_cmplx_flt_type *output, size_t size,
                  zip_op_t op) {
  zip_flt((cedr_completion){__func__, true, NULL}, input_1, input_2, output, size, op);
}

void DASH_ZIP_flt_nb(dash_cmplx_flt_type **input_1, dash_cmplx_flt_type **input_2, dash_cmplx_flt_type **output,
                     size_t *size, zip_op_t *op, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  zip_flt(done, AT(input_1), AT(input_2), AT(output), AT(size), AT(op));
}

void DASH_ZIP_int(dash_cmplx_int_type *input_1, dash_cmplx_int_type *input_2, dash_cmplx_int_type *output, size_t size,
                  zip_op_t op) {
  zip_int((cedr_completion){__func__, true, NULL}, input_1, input_2, output, size, op);
}

void DASH_ZIP_int_nb(dash_cmplx_int_type **input_1, dash_cmplx_int_type **input_2, dash_cmplx_int_type **output,
                     size_t *size, zip_op_t *op, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  zip_int(done, AT(input_1), AT(input_2), AT(output), AT(size), AT(op));
}

/* ---- FFT ---- */

static const char *const FFT_DIMS[] = {"b", "n"};

static void check_fft(cedr_completion done, const void *input, const void *output, size_t size, size_t element_bytes) {
  check_barrier(done);
  check_pointer(done, "input", input);
  check_pointer(done, "output", output);
  check_size(done, "size", size, element_bytes);
  if ((size & (size - 1)) != 0) {
    bad_argument(done, "size = %zu: a power of two is wanted", size);
  }
}

static void transform(const c64 *input, c64 *output, size_t size, bool forward) {
  const int64_t strides[2][CEDR_MAX_RANK] = {{(int64_t)size, 1}, {(int64_t)size, 1}};
  const cedr_site site = {.dims = {1, (int64_t)size}, .strides = strides, .variant = forward ? 0 : 1};
  cedr_fft_c64(&site, (void *[]){(void *)(uintptr_t)input, output});
}

static void end_fft(cedr_completion done, const char *label, const char *dtype, size_t size, bool forward) {
  const char *const attributes = forward ? "{\"inverse\":false}" : "{\"inverse\":true}";
  const cedr_call_class call = {label, "fft", dtype, attributes, 2, FFT_DIMS, (int64_t[]){1, (int64_t)size}};
  cedr_call_end(&call, done);
}

static void fft_flt(cedr_completion done, dash_cmplx_flt_type *input, dash_cmplx_flt_type *output, size_t size,
                    bool forward) {
  cedr_call_begin();
  check_fft(done, input, output, size, sizeof *input);
  transform((const c64 *)input, (c64 *)output, size, forward);
  end_fft(done, "DASH_FFT_flt", "c64", size, forward);
}

static void fft_int(cedr_completion done, dash_cmplx_int_type *input, dash_cmplx_int_type *output, size_t size,
                    bool forward) {
  cedr_call_begin();
  check_fft(done, input, output, size, sizeof(c64));
  c64 *const work = cedr_allocate(size, sizeof *work);
  for (size_t i = 0; i < size; ++i) {
    work[i] = (c64){input[i].re, input[i].im};
  }
  transform(work, work, size, forward);
  for (size_t i = 0; i < size; ++i) {
    output[i] = (dash_cmplx_int_type){.re = truncated(work[i].re), .im = truncated(work[i].im)};
  }
  free(work);
  end_fft(done, "DASH_FFT_int", "ci16", size, forward);
}

void DASH_FFT_flt(dash_cmplx_flt_type *input, dash_cmplx_flt_type *output, size_t size, bool forward) {
  fft_flt((cedr_completion){__func__, true, NULL}, input, output, size, forward);
}

void DASH_FFT_flt_nb(dash_cmplx_flt_type **input, dash_cmplx_flt_type **output, size_t *size, bool *forward,
                     cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  fft_flt(done, AT(input), AT(output), AT(size), AT(forward));
}

void DASH_FFT_int(dash_cmplx_int_type *input, dash_cmplx_int_type *output, size_t size, bool forward) {
  fft_int((cedr_completion){__func__, true, NULL}, input, output, size, forward);
}

void DASH_FFT_int_nb(dash_cmplx_int_type **input, dash_cmplx_int_type **output, size_t *size, bool *forward,
                     cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  fft_int(done, AT(input), AT(output), AT(size), AT(forward));
}

/* ---- GEMM ---- */

static const char *const GEMM_DIMS[] = {"m", "k", "n"};

static void check_gemm(cedr_completion done, const void *A, const void *B, const void *C, size_t a_rows, size_t a_cols,
                       size_t b_cols, size_t element_bytes) {
  check_barrier(done);
  check_pointer(done, "A", A);
  check_pointer(done, "B", B);
  check_pointer(done, "C", C);
  check_matrix(done, "a_rows", a_rows, "a_cols", a_cols, element_bytes);
  check_matrix(done, "a_cols", a_cols, "b_cols", b_cols, element_bytes);
  check_matrix(done, "a_rows", a_rows, "b_cols", b_cols, element_bytes);
  const size_t c_bytes = a_rows * b_cols * element_bytes;
  check_apart(done, "C", C, c_bytes, "A", A, a_rows * a_cols * element_bytes);
  check_apart(done, "C", C, c_bytes, "B", B, a_cols * b_cols * element_bytes);
}

static void end_gemm(cedr_completion done, const char *label, const char *dtype, size_t m, size_t k, size_t n) {
  const cedr_call_class call = {label, "gemm",    dtype, "{\"transpose_b\":false}",
                                3,     GEMM_DIMS, (int64_t[]){(int64_t)m, (int64_t)k, (int64_t)n}};
  cedr_call_end(&call, done);
}

static void gemm_flt(cedr_completion done, dash_cmplx_flt_type *A, dash_cmplx_flt_type *B, dash_cmplx_flt_type *C,
                     size_t a_rows, size_t a_cols, size_t b_cols) {
  cedr_call_begin();
  check_gemm(done, A, B, C, a_rows, a_cols, b_cols, sizeof *A);
  const int64_t m = (int64_t)a_rows;
  const int64_t k = (int64_t)a_cols;
  const int64_t n = (int64_t)b_cols;
  const int64_t strides[3][CEDR_MAX_RANK] = {{k, 1}, {n, 1}, {n, 1}};
  const cedr_site site = {.dims = {m, k, n}, .strides = strides};
  cedr_gemm_c64(&site, (void *[]){A, B, C});
  end_gemm(done, "DASH_GEMM_flt", "c64", a_rows, a_cols, b_cols);
}

static void gemm_int(cedr_completion done, dash_cmplx_int_type *A, dash_cmplx_int_type *B, dash_cmplx_int_type *C,
                     size_t a_rows, size_t a_cols, size_t b_cols) {
  cedr_call_begin();
  check_gemm(done, A, B, C, a_rows, a_cols, b_cols, sizeof *A);
  for (size_t i = 0; i < a_rows; ++i) {
    for (size_t j = 0; j < b_cols; ++j) {
      uint32_t re = 0;
      uint32_t im = 0;
      for (size_t k = 0; k < a_cols; ++k) {
        const dash_cmplx_int_type a = A[i * a_cols + k];
        const dash_cmplx_int_type b = B[k * b_cols + j];
        re += product(a.re, b.re) - product(a.im, b.im);
        im += product(a.re, b.im) + product(a.im, b.re);
      }
      C[i * b_cols + j] = (dash_cmplx_int_type){.re = to_int16(re), .im = to_int16(im)};
    }
  }
  end_gemm(done, "DASH_GEMM_int", "ci16", a_rows, a_cols, b_cols);
}

void DASH_GEMM_flt(dash_cmplx_flt_type *A, dash_cmplx_flt_type *B, dash_cmplx_flt_type *C, size_t a_rows, size_t a_cols,
                   size_t b_cols) {
  gemm_flt((cedr_completion){__func__, true, NULL}, A, B, C, a_rows, a_cols, b_cols);
}

void DASH_GEMM_flt_nb(dash_cmplx_flt_type **A, dash_cmplx_flt_type **B, dash_cmplx_flt_type **C, size_t *a_rows,
                      size_t *a_cols, size_t *b_cols, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  gemm_flt(done, AT(A), AT(B), AT(C), AT(a_rows), AT(a_cols), AT(b_cols));
}

void DASH_GEMM_int(dash_cmplx_int_type *A, dash_cmplx_int_type *B, dash_cmplx_int_type *C, size_t a_rows, size_t a_cols,
                   size_t b_cols) {
  gemm_int((cedr_completion){__func__, true, NULL}, A, B, C, a_rows, a_cols, b_cols);
}

void DASH_GEMM_int_nb(dash_cmplx_int_type **A, dash_cmplx_int_type **B, dash_cmplx_int_type **C, size_t *a_rows,
                      size_t *a_cols, size_t *b_cols, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  gemm_int(done, AT(A), AT(B), AT(C), AT(a_rows), AT(a_cols), AT(b_cols));
}

/* ---- BLAS: no tasks ---- */

static dash_cmplx_flt_type flt_add(dash_cmplx_flt_type a, dash_cmplx_flt_type b) {
  return (dash_cmplx_flt_type){a.re + b.re, a.im + b.im};
}

static dash_cmplx_flt_type flt_sub(dash_cmplx_flt_type a, dash_cmplx_flt_type b) {
  return (dash_cmplx_flt_type){a.re - b.re, a.im - b.im};
}

#define ELEMENTWISE(name, type, function)                                                                         \
  static void each_##function(cedr_completion done, type *a, type *b, type *output, size_t rows, size_t cols) {   \
    check_barrier(done);                                                                                          \
    check_pointer(done, "A", a);                                                                                  \
    check_pointer(done, "B", b);                                                                                  \
    check_pointer(done, "C", output);                                                                             \
    check_matrix(done, "rows", rows, "cols", cols, sizeof *a);                                                    \
    for (size_t i = 0; i < rows * cols; ++i) {                                                                    \
      output[i] = function(a[i], b[i]);                                                                           \
    }                                                                                                             \
    cedr_call_end_uncounted(done);                                                                                \
  }                                                                                                               \
                                                                                                                  \
  void name(type *A, type *B, type *C, size_t rows, size_t cols) {                                                \
    each_##function((cedr_completion){__func__, true, NULL}, A, B, C, rows, cols);                                \
  }                                                                                                               \
                                                                                                                  \
  void name##_nb(type **A, type **B, type **C, size_t *rows, size_t *cols, cedr_barrier_t *barrier) {             \
    const cedr_completion done = {__func__, false, barrier};                                                      \
    each_##function(done, AT(A), AT(B), AT(C), AT(rows), AT(cols));                                               \
  }

ELEMENTWISE(DASH_BLAS_MADD_flt, dash_cmplx_flt_type, flt_add)
ELEMENTWISE(DASH_BLAS_MADD_int, dash_cmplx_int_type, int_add)
ELEMENTWISE(DASH_BLAS_MSUB_flt, dash_cmplx_flt_type, flt_sub)
ELEMENTWISE(DASH_BLAS_MSUB_int, dash_cmplx_int_type, int_sub)

static dash_cmplx_flt_type flt_conjugate(dash_cmplx_flt_type a) {
  return (dash_cmplx_flt_type){a.re, -a.im};
}

static dash_cmplx_int_type int_conjugate(dash_cmplx_int_type a) {
  return (dash_cmplx_int_type){.re = a.re, .im = to_int16((uint32_t)-a.im)};
}

#define TRANSPOSE(name, type, conjugated)                                                                         \
  static void with_##conjugated(cedr_completion done, type *input, type *output, size_t rows, size_t cols,        \
                                bool conjugate) {                                                                 \
    check_barrier(done);                                                                                          \
    check_pointer(done, "input", input);                                                                          \
    check_pointer(done, "output", output);                                                                        \
    check_matrix(done, "rows", rows, "cols", cols, sizeof *input);                                                \
    const size_t size_bytes = rows * cols * sizeof *input;                                                        \
    check_apart(done, "output", output, size_bytes, "input", input, size_bytes);                                  \
    for (size_t i = 0; i < rows; ++i) {                                                                           \
      for (size_t j = 0; j < cols; ++j) {                                                                         \
        const type element = input[i * cols + j];                                                                 \
        output[j * rows + i] = conjugate ? conjugated(element) : element;                                         \
      }                                                                                                           \
    }                                                                                                             \
    cedr_call_end_uncounted(done);                                                                                \
  }                                                                                                               \
                                                                                                                  \
  void name(type *input, type *output, size_t rows, size_t cols, bool conjugate) {                                \
    with_##conjugated((cedr_completion){__func__, true, NULL}, input, output, rows, cols, conjugate);             \
  }                                                                                                               \
                                                                                                                  \
  void name##_nb(type **input, type **output, size_t *rows, size_t *cols, bool *conjugate,                        \
                 cedr_barrier_t *barrier) {                                                                       \
    const cedr_completion done = {__func__, false, barrier};                                                      \
    with_##conjugated(done, AT(input), AT(output), AT(rows), AT(cols), AT(conjugate));                            \
  }

TRANSPOSE(DASH_BLAS_TRANSPOSE_flt, dash_cmplx_flt_type, flt_conjugate)
TRANSPOSE(DASH_BLAS_TRANSPOSE_int, dash_cmplx_int_type, int_conjugate)

/* ---- BPSK, QAM16 ---- */

static const char *const KERNEL_DIMS[] = {"elements", "flops", "bytes_in", "bytes_out", "macs"};

static void check_symbols(cedr_completion done, const void *input, const void *output, size_t size) {
  check_barrier(done);
  check_pointer(done, "input", input);
  check_pointer(done, "output", output);
  check_size(done, "size", size, sizeof(dash_cmplx_flt_type));
}

/* In CEDR these are tasks that only CPUs take, as our kernels: `comparisons` a symbol. */
static void end_symbols(cedr_completion done, const char *label, size_t size, int64_t comparisons) {
  const int64_t n = (int64_t)size;
  const cedr_call_class call = {label, "kernel",    "c64", "{}",
                                5,     KERNEL_DIMS, (int64_t[]){n, n * comparisons, n * 8, n * 4, 0}};
  cedr_call_end(&call, done);
}

static void bpsk(cedr_completion done, dash_cmplx_flt_type *input, dash_re_flt_type *output, size_t size) {
  cedr_call_begin();
  check_symbols(done, input, output, size);
  for (size_t i = 0; i < size; ++i) {
    output[i] = input[i].re >= 0 ? 1.0f : -1.0f;
  }
  end_symbols(done, "DASH_BPSK_flt", size, 1);
}

/* The number of the level that lies nearest. */
static int level(float part) {
  const float between = 0.632455f;
  return (part > -between) + (part > 0) + (part > between);
}

static void qam16(cedr_completion done, dash_cmplx_flt_type *input, int *output, size_t size) {
  cedr_call_begin();
  check_symbols(done, input, output, size);
  for (size_t i = 0; i < size; ++i) {
    output[i] = 4 * level(input[i].re) + level(input[i].im);
  }
  end_symbols(done, "DASH_QAM16_flt", size, 6);
}

void DASH_BPSK_flt(dash_cmplx_flt_type *input, dash_re_flt_type *output, size_t size) {
  bpsk((cedr_completion){__func__, true, NULL}, input, output, size);
}

void DASH_BPSK_flt_nb(dash_cmplx_flt_type **input, dash_re_flt_type **output, size_t *size, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  bpsk(done, AT(input), AT(output), AT(size));
}

void DASH_QAM16_flt(dash_cmplx_flt_type *input, int *output, size_t size) {
  qam16((cedr_completion){__func__, true, NULL}, input, output, size);
}

void DASH_QAM16_flt_nb(dash_cmplx_flt_type **input, int **output, size_t *size, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  qam16(done, AT(input), AT(output), AT(size));
}

/* ---- convolutions ---- */

static const char *const CONV_2D_DIMS[] = {"n", "c", "h", "w", "f", "kh", "kw", "oh", "ow", "sh", "sw", "dh", "dw"};
static const char *const CONV_1D_DIMS[] = {"n", "c", "l", "f", "k", "ol", "s", "d"};

/* The part of a mask that lies inside the input where its first element would stand at `start`. */
typedef struct {
  int from, to;
} span;

static span inside(int64_t start, int mask_size, int size) {
  const int64_t from = start < 0 ? -start : 0;
  const int64_t to = start + mask_size > size ? size - start : mask_size;
  return (span){(int)from, (int)to};
}

static void conv_2d(cedr_completion done, dash_re_int_type *input, int height, int width, dash_re_flt_type *mask,
                    int mask_size, dash_re_int_type *output) {
  cedr_call_begin();
  check_barrier(done);
  check_pointer(done, "input", input);
  check_pointer(done, "mask", mask);
  check_pointer(done, "output", output);
  check_extent(done, "height", height);
  check_extent(done, "width", width);
  check_extent(done, "mask_size", mask_size);
  const size_t image_bytes = (size_t)height * (size_t)width * sizeof *input;
  check_apart(done, "output", output, image_bytes, "input", input, image_bytes);
  check_apart(done, "output", output, image_bytes, "mask", mask, (size_t)mask_size * (size_t)mask_size * sizeof *mask);
  const int centre = mask_size / 2;
  for (int y = 0; y < height; ++y) {
    const span rows = inside((int64_t)y - centre, mask_size, height);
    for (int x = 0; x < width; ++x) {
      const span columns = inside((int64_t)x - centre, mask_size, width);
      double sum = 0;
      for (int i = rows.from; i < rows.to; ++i) {
        const dash_re_int_type *const row = input + (int64_t)(y - centre + i) * width + (x - centre);
        for (int j = columns.from; j < columns.to; ++j) {
          sum += row[j] * (double)mask[(int64_t)i * mask_size + j];
        }
      }
      output[(int64_t)y * width + x] = sum >= INT16_MAX   ? INT16_MAX
                                       : sum <= INT16_MIN ? INT16_MIN
                                                          : (dash_re_int_type)(sum == sum ? sum : 0);
    }
  }
  const int64_t border = (int64_t)mask_size - 1;
  const int64_t dims[] = {1, 1, height + border, width + border, 1, mask_size, mask_size, height, width, 1, 1, 1, 1};
  const cedr_call_class call = {"DASH_CONV_2D_int", "conv2d", "i16", "{}", 13, CONV_2D_DIMS, dims};
  cedr_call_end(&call, done);
}

static void conv_1d(cedr_completion done, dash_re_flt_type *input, int size, dash_re_flt_type *mask, int mask_size,
                    dash_re_flt_type *output) {
  cedr_call_begin();
  check_barrier(done);
  check_pointer(done, "input", input);
  check_pointer(done, "mask", mask);
  check_pointer(done, "output", output);
  check_extent(done, "size", size);
  check_extent(done, "mask_size", mask_size);
  const size_t size_bytes = (size_t)size * sizeof *input;
  check_apart(done, "output", output, size_bytes, "input", input, size_bytes);
  check_apart(done, "output", output, size_bytes, "mask", mask, (size_t)mask_size * sizeof *mask);
  const int centre = mask_size / 2;
  for (int x = 0; x < size; ++x) {
    const span taps = inside((int64_t)x - centre, mask_size, size);
    double sum = 0;
    for (int i = taps.from; i < taps.to; ++i) {
      sum += (double)input[(int64_t)x - centre + i] * mask[i];
    }
    output[x] = (float)(output[x] + sum);
  }
  const int64_t dims[] = {1, 1, (int64_t)size + mask_size - 1, 1, mask_size, size, 1, 1};
  const cedr_call_class call = {"DASH_CONV_1D_flt", "conv1d", "f32", "{}", 8, CONV_1D_DIMS, dims};
  cedr_call_end(&call, done);
}

void DASH_CONV_2D_int(dash_re_int_type *input, int height, int width, dash_re_flt_type *mask, int mask_size,
                      dash_re_int_type *output) {
  conv_2d((cedr_completion){__func__, true, NULL}, input, height, width, mask, mask_size, output);
}

void DASH_CONV_2D_int_nb(dash_re_int_type **input, int *height, int *width, dash_re_flt_type **mask, int *mask_size,
                         dash_re_int_type **output, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  conv_2d(done, AT(input), AT(height), AT(width), AT(mask), AT(mask_size), AT(output));
}

void DASH_CONV_1D_flt(dash_re_flt_type *input, int size, dash_re_flt_type *mask, int mask_size,
                      dash_re_flt_type *output) {
  conv_1d((cedr_completion){__func__, true, NULL}, input, size, mask, mask_size, output);
}

void DASH_CONV_1D_flt_nb(dash_re_flt_type **input, int *size, dash_re_flt_type **mask, int *mask_size,
                         dash_re_flt_type **output, cedr_barrier_t *barrier) {
  const cedr_completion done = {__func__, false, barrier};
  conv_1d(done, AT(input), AT(size), AT(mask), AT(mask_size), AT(output));
}

/* ---- enqueue_kernel ---- */

enum { MOST_POINTERS = 7 };

#define FOUR(function) \
  static void enqueue_##function(void *const p[]) { function##_nb(p[0], p[1], p[2], p[3]); }
#define FIVE(function) \
  static void enqueue_##function(void *const p[]) { function##_nb(p[0], p[1], p[2], p[3], p[4]); }
#define SIX(function) \
  static void enqueue_##function(void *const p[]) { function##_nb(p[0], p[1], p[2], p[3], p[4], p[5]); }
#define SEVEN(function) \
  static void enqueue_##function(void *const p[]) { function##_nb(p[0], p[1], p[2], p[3], p[4], p[5], p[6]); }

SIX(DASH_ZIP_flt)
SIX(DASH_ZIP_int)
FIVE(DASH_FFT_flt)
FIVE(DASH_FFT_int)
SEVEN(DASH_GEMM_flt)
SEVEN(DASH_GEMM_int)
FOUR(DASH_BPSK_flt)
FOUR(DASH_QAM16_flt)
SEVEN(DASH_CONV_2D_int)
SIX(DASH_CONV_1D_flt)

static const struct {
  const char *kernel;
  const char *precision;
  uint32_t pointers;
  void (*enqueue)(void *const p[]);
} kernels[] = {
    {"DASH_ZIP", "flt", 6, enqueue_DASH_ZIP_flt},         {"DASH_ZIP", "int", 6, enqueue_DASH_ZIP_int},
    {"DASH_FFT", "flt", 5, enqueue_DASH_FFT_flt},         {"DASH_FFT", "int", 5, enqueue_DASH_FFT_int},
    {"DASH_GEMM", "flt", 7, enqueue_DASH_GEMM_flt},       {"DASH_GEMM", "int", 7, enqueue_DASH_GEMM_int},
    {"DASH_BPSK", "flt", 4, enqueue_DASH_BPSK_flt},       {"DASH_QAM16", "flt", 4, enqueue_DASH_QAM16_flt},
    {"DASH_CONV_2D", "int", 7, enqueue_DASH_CONV_2D_int}, {"DASH_CONV_1D", "flt", 6, enqueue_DASH_CONV_1D_flt},
};

enum { KERNELS = sizeof kernels / sizeof kernels[0] };

/* The kernels by name, or, given one, its precisions. */
static void list_kernels(char *text, size_t size, const char *kernel) {
  text[0] = '\0';
  for (int i = 0; i < KERNELS; ++i) {
    const bool again = i > 0 && strcmp(kernels[i].kernel, kernels[i - 1].kernel) == 0;
    if (kernel == NULL ? again : strcmp(kernels[i].kernel, kernel) != 0) {
      continue;
    }
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
             kernel == NULL ? kernels[i].kernel : kernels[i].precision);
  }
}

void enqueue_kernel(const char *kernel, const char *precision, uint32_t count, ...) {
  const cedr_completion done = {__func__, false, NULL};
  check_address(done, "kernel", kernel);
  check_address(done, "precision", precision);
  char known[256];
  for (int i = 0; i < KERNELS; ++i) {
    if (strcmp(kernels[i].kernel, kernel) != 0 || strcmp(kernels[i].precision, precision) != 0) {
      continue;
    }
    if (count != kernels[i].pointers) {
      bad_argument(done, "count = %" PRIu32 ": %s with precision %s takes %" PRIu32 " pointers", count, kernel,
                   precision, kernels[i].pointers);
    }
    void *pointers[MOST_POINTERS];
    va_list arguments;
    va_start(arguments, count);
    for (uint32_t k = 0; k < count; ++k) {
      pointers[k] = va_arg(arguments, void *);
    }
    va_end(arguments);
    kernels[i].enqueue(pointers);
    return;
  }
  list_kernels(known, sizeof known, kernel);
  if (known[0] != '\0') {
    bad_argument(done, "precision = \"%s\": %s has %s", precision, kernel, known);
  }
  list_kernels(known, sizeof known, NULL);
  bad_argument(done, "kernel = \"%s\": the kernels are %s", kernel, known);
}
