/* CEDR's API as UA-RCL/CEDR 96eeda6 declares it, in own words, with what it lacks: it uses size_t and bool and includes
 * neither, and says nothing to a C++ compiler. */
#ifndef DASH_H
#define DASH_H

#include "dash_types.h"

void DASH_ZIP_flt(dash_cmplx_flt_type *input_1, dash_cmplx_flt_type *input_2, dash_cmplx_flt_type *output, size_t size,
                  zip_op_t op);
void DASH_ZIP_flt_nb(dash_cmplx_flt_type **input_1, dash_cmplx_flt_type **input_2, dash_cmplx_flt_type **output,
                     size_t *size, zip_op_t *op, cedr_barrier_t *kernel_barrier);

void DASH_FFT_flt(dash_cmplx_flt_type *input, dash_cmplx_flt_type *output, size_t size, bool is_forward);
void DASH_FFT_flt_nb(dash_cmplx_flt_type **input, dash_cmplx_flt_type **output, size_t *size, bool *is_forward,
                     cedr_barrier_t *kernel_barrier);

void DASH_GEMM_flt(dash_cmplx_flt_type *A, dash_cmplx_flt_type *B, dash_cmplx_flt_type *C, size_t A_rows, size_t A_cols,
                   size_t B_cols);
void DASH_GEMM_flt_nb(dash_cmplx_flt_type **A, dash_cmplx_flt_type **B, dash_cmplx_flt_type **C, size_t *A_rows,
                      size_t *A_cols, size_t *B_cols, cedr_barrier_t *kernel_barrier);

void DASH_CONV_2D_int(dash_re_int_type *input, int height, int width, float *mask, int mask_size,
                      dash_re_int_type *output);
void DASH_CONV_2D_int_nb(dash_re_int_type **input, int *height, int *width, float **mask, int *mask_size,
                         dash_re_int_type **output, cedr_barrier_t *kernel_barrier);

void DASH_CONV_1D_flt(float *input, int size, float *mask, int mask_size, float *output);
void DASH_CONV_1D_flt_nb(float **input, int *size, float **mask, int *mask_size, float **output,
                         cedr_barrier_t *kernel_barrier);

#endif
