/* CEDR's API (UA-RCL/CEDR 96eeda6, libdash/dash.h) for C11 and C++ applications. Link with libcedr before libc.
 *
 * Every function has two forms. `X` takes its arguments by value and returns when its results are there. `X_nb` takes
 * the address of each argument and a barrier, whose counter goes up by one when the results are there; everything that
 * it is given, and what that points to, must stay as it is until then. A NULL barrier is allowed: nobody waits for
 * that call alone. Non-blocking calls are independent of each other: one that reads what another writes must be made
 * after waiting.
 *
 * Every call means the same on every processing element. A bad argument (a null pointer, a size that is not allowed,
 * overlapping operands where they must not) ends the application with exit status 1 and a message that names the call,
 * the argument, its value and what is allowed. Matrices are row-major. Calls may be made from any thread.
 *
 * The environment says what a call does (docs/record.md): CEDR_MODE=run (default) computes it; record computes it and
 * writes it to the file that CEDR_RECORD names; execute computes it and compares it with that file.
 */
#ifndef DASH_H
#define DASH_H

#include "dash_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ZIP: output[i] = input_1[i] op input_2[i] for `size` complex elements, at least 1. `output` may be either input.
 * flt: a quotient by zero has infinite or NaN parts as IEEE 754 has it. int: computed in 32 bits and stored modulo
 * 2^16; a quotient, (a conj(b)) / (b conj(b)), is truncated toward zero; one by zero ends the application. */
void DASH_ZIP_flt(dash_cmplx_flt_type *input_1, dash_cmplx_flt_type *input_2, dash_cmplx_flt_type *output, size_t size,
                  zip_op_t op);
void DASH_ZIP_flt_nb(dash_cmplx_flt_type **input_1, dash_cmplx_flt_type **input_2, dash_cmplx_flt_type **output,
                     size_t *size, zip_op_t *op, cedr_barrier_t *barrier);
void DASH_ZIP_int(dash_cmplx_int_type *input_1, dash_cmplx_int_type *input_2, dash_cmplx_int_type *output, size_t size,
                  zip_op_t op);
void DASH_ZIP_int_nb(dash_cmplx_int_type **input_1, dash_cmplx_int_type **input_2, dash_cmplx_int_type **output,
                     size_t *size, zip_op_t *op, cedr_barrier_t *barrier);

/* FFT: the discrete Fourier transform of `size` complex points, a power of two; forward without a factor, inverse
 * (`forward` false) divided by `size`. `output` may be `input`. Computed in double precision. int: the result, as
 * floats, is truncated toward zero and stored modulo 2^16. */
void DASH_FFT_flt(dash_cmplx_flt_type *input, dash_cmplx_flt_type *output, size_t size, bool forward);
void DASH_FFT_flt_nb(dash_cmplx_flt_type **input, dash_cmplx_flt_type **output, size_t *size, bool *forward,
                     cedr_barrier_t *barrier);
void DASH_FFT_int(dash_cmplx_int_type *input, dash_cmplx_int_type *output, size_t size, bool forward);
void DASH_FFT_int_nb(dash_cmplx_int_type **input, dash_cmplx_int_type **output, size_t *size, bool *forward,
                     cedr_barrier_t *barrier);

/* GEMM: C (a_rows x b_cols) = A (a_rows x a_cols) B (a_cols x b_cols), complex, each extent at least 1. C must not
 * overlap A or B. flt: sums in double precision. int: computed in 32 bits and stored modulo 2^16. */
void DASH_GEMM_flt(dash_cmplx_flt_type *A, dash_cmplx_flt_type *B, dash_cmplx_flt_type *C, size_t a_rows, size_t a_cols,
                   size_t b_cols);
void DASH_GEMM_flt_nb(dash_cmplx_flt_type **A, dash_cmplx_flt_type **B, dash_cmplx_flt_type **C, size_t *a_rows,
                      size_t *a_cols, size_t *b_cols, cedr_barrier_t *barrier);
void DASH_GEMM_int(dash_cmplx_int_type *A, dash_cmplx_int_type *B, dash_cmplx_int_type *C, size_t a_rows, size_t a_cols,
                   size_t b_cols);
void DASH_GEMM_int_nb(dash_cmplx_int_type **A, dash_cmplx_int_type **B, dash_cmplx_int_type **C, size_t *a_rows,
                      size_t *a_cols, size_t *b_cols, cedr_barrier_t *barrier);

/* The BLAS functions are computed in the caller's thread, also in their non-blocking form: they are no tasks.
 * MADD, MSUB: C = A + B, C = A - B, element by element over rows x cols; C may be A or B. int: stored modulo 2^16. */
void DASH_BLAS_MADD_flt(dash_cmplx_flt_type *A, dash_cmplx_flt_type *B, dash_cmplx_flt_type *C, size_t rows,
                        size_t cols);
void DASH_BLAS_MADD_flt_nb(dash_cmplx_flt_type **A, dash_cmplx_flt_type **B, dash_cmplx_flt_type **C, size_t *rows,
                           size_t *cols, cedr_barrier_t *barrier);
void DASH_BLAS_MADD_int(dash_cmplx_int_type *A, dash_cmplx_int_type *B, dash_cmplx_int_type *C, size_t rows,
                        size_t cols);
void DASH_BLAS_MADD_int_nb(dash_cmplx_int_type **A, dash_cmplx_int_type **B, dash_cmplx_int_type **C, size_t *rows,
                           size_t *cols, cedr_barrier_t *barrier);
void DASH_BLAS_MSUB_flt(dash_cmplx_flt_type *A, dash_cmplx_flt_type *B, dash_cmplx_flt_type *C, size_t rows,
                        size_t cols);
void DASH_BLAS_MSUB_flt_nb(dash_cmplx_flt_type **A, dash_cmplx_flt_type **B, dash_cmplx_flt_type **C, size_t *rows,
                           size_t *cols, cedr_barrier_t *barrier);
void DASH_BLAS_MSUB_int(dash_cmplx_int_type *A, dash_cmplx_int_type *B, dash_cmplx_int_type *C, size_t rows,
                        size_t cols);
void DASH_BLAS_MSUB_int_nb(dash_cmplx_int_type **A, dash_cmplx_int_type **B, dash_cmplx_int_type **C, size_t *rows,
                           size_t *cols, cedr_barrier_t *barrier);

/* TRANSPOSE: output (cols x rows) is the transpose of input (rows x cols), of its conjugate if `conjugate`. They must
 * not overlap. int: the conjugate of -32768 is stored modulo 2^16. */
void DASH_BLAS_TRANSPOSE_flt(dash_cmplx_flt_type *input, dash_cmplx_flt_type *output, size_t rows, size_t cols,
                             bool conjugate);
void DASH_BLAS_TRANSPOSE_flt_nb(dash_cmplx_flt_type **input, dash_cmplx_flt_type **output, size_t *rows, size_t *cols,
                                bool *conjugate, cedr_barrier_t *barrier);
void DASH_BLAS_TRANSPOSE_int(dash_cmplx_int_type *input, dash_cmplx_int_type *output, size_t rows, size_t cols,
                             bool conjugate);
void DASH_BLAS_TRANSPOSE_int_nb(dash_cmplx_int_type **input, dash_cmplx_int_type **output, size_t *rows, size_t *cols,
                                bool *conjugate, cedr_barrier_t *barrier);

/* BPSK: output[i] is +1 or -1, whichever input[i] is nearer to; +1 for what lies between. */
void DASH_BPSK_flt(dash_cmplx_flt_type *input, dash_re_flt_type *output, size_t size);
void DASH_BPSK_flt_nb(dash_cmplx_flt_type **input, dash_re_flt_type **output, size_t *size, cedr_barrier_t *barrier);

/* QAM16: output[i] = 4 r + i, the numbers 0 to 3 of the levels -0.948683, -0.316228, 0.316228, 0.948683 that the real
 * and the imaginary part of input[i] are nearest to; the lower of two equally near. */
void DASH_QAM16_flt(dash_cmplx_flt_type *input, int *output, size_t size);
void DASH_QAM16_flt_nb(dash_cmplx_flt_type **input, int **output, size_t *size, cedr_barrier_t *barrier);

/* CONV_2D: the correlation of a height x width image with a mask_size x mask_size mask, which is not flipped:
 * output[y][x] = sum over i, j of input[y + i - mask_size / 2][x + j - mask_size / 2] mask[i][j], zero outside the
 * image. The sums, in double precision, are truncated toward zero and held to -32768 .. 32767. `output` must not
 * overlap `input` or `mask`. */
void DASH_CONV_2D_int(dash_re_int_type *input, int height, int width, dash_re_flt_type *mask, int mask_size,
                      dash_re_int_type *output);
void DASH_CONV_2D_int_nb(dash_re_int_type **input, int *height, int *width, dash_re_flt_type **mask, int *mask_size,
                         dash_re_int_type **output, cedr_barrier_t *barrier);

/* CONV_1D: output[x] += sum over i of input[x + i - mask_size / 2] mask[i], zero outside the input; the sums in double
 * precision. What is in `output` before counts, as in CEDR. `output` must not overlap `input` or `mask`. */
void DASH_CONV_1D_flt(dash_re_flt_type *input, int size, dash_re_flt_type *mask, int mask_size,
                      dash_re_flt_type *output);
void DASH_CONV_1D_flt_nb(dash_re_flt_type **input, int *size, dash_re_flt_type **mask, int *mask_size,
                         dash_re_flt_type **output, cedr_barrier_t *barrier);

/* The door that the non-blocking calls above stand for: `count` pointers follow, those that <kernel>_<precision>_nb
 * takes ("DASH_FFT", "flt", 5, &input, &output, &size, &forward, barrier). An unknown kernel, precision or number of
 * pointers ends the application with a message that lists what there is. */
void enqueue_kernel(const char *kernel, const char *precision, uint32_t count, ...);

#ifdef __cplusplus
}
#endif

#endif
