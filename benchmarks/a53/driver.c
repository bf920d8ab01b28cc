/* Runs one of libcedr's kernels on operands of ones, twice: once to warm the caches, then between two marks.
 *
 *   driver FUNCTION VARIANT DIMS... / STRIDES OF OPERAND 0... / ... / LENGTHS OF THE OPERANDS IN ELEMENTS...
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { MOST_OPERANDS = 4, MOST_NUMBERS = 16 };

__attribute__((noinline)) void measure_begin(void) {
  __asm__ volatile("");
}

__attribute__((noinline)) void measure_end(void) {
  __asm__ volatile("" ::: "memory");
}

/* Loops as the compiler writes them for elementwise work: dims rows columns. */
static void kernel_copy(const cedr_site *site, void *const operand[]) {
  const float *const a = operand[0];
  float *const c = operand[1];
  for (int64_t i = 0; i < site->dims[0]; ++i) {
    for (int64_t j = 0; j < site->dims[1]; ++j) {
      const float x = a[(i * (site->dims[1] + 2)) + j];
      c[(i * site->dims[1]) + j] = x;
    }
  }
}

static void kernel_bias_relu(const cedr_site *site, void *const operand[]) {
  const float *const a = operand[0];
  const float *const b = operand[1];
  float *const c = operand[2];
  for (int64_t i = 0; i < site->dims[0]; ++i) {
    for (int64_t j = 0; j < site->dims[1]; ++j) {
      const float sum = a[(i * site->dims[1]) + j] + b[i];
      c[(i * (site->dims[1] + 2)) + j] = (sum > 0.0f || sum != sum) ? sum : 0.0f;
    }
  }
}

static void kernel_max_pool(const cedr_site *site, void *const operand[]) {
  const float *const a = operand[0];
  float *const c = operand[1];
  for (int64_t i = 0; i < site->dims[0]; ++i) {
    for (int64_t j = 0; j < site->dims[1]; ++j) {
      float most = -INFINITY;
      for (int64_t k = 0; k < 2; ++k) {
        for (int64_t l = 0; l < 2; ++l) {
          const float x = a[(i * 2 + k) * (site->dims[1] * 2) + j * 2 + l];
          most = (x > most || x != x) ? x : most;
        }
      }
      c[(i * site->dims[1]) + j] = most;
    }
  }
}

#define FUNCTION_KERNEL(name, function)                                                \
  static void name(const cedr_site *site, void *const operand[]) {                     \
    const float *const a = operand[0];                                                 \
    float *const c = operand[1];                                                       \
    for (int64_t i = 0; i < site->dims[0]; ++i) {                                      \
      for (int64_t j = 0; j < site->dims[1]; ++j) {                                    \
        c[(i * site->dims[1]) + j] = function(a[(i * site->dims[1]) + j]);             \
      }                                                                                \
    }                                                                                  \
  }
FUNCTION_KERNEL(kernel_exp, expf)
FUNCTION_KERNEL(kernel_tanh, tanhf)
FUNCTION_KERNEL(kernel_erf, erff)

static const struct {
  const char *name;
  cedr_function *run;
  int operands;
  size_t element_bytes;
} FUNCTIONS[] = {
    {"conv2d_f32", cedr_conv2d_f32, 3, 4}, {"conv2d_f64", cedr_conv2d_f64, 3, 8}, {"conv1d_f32", cedr_conv1d_f32, 3, 4},
    {"gemm_f32", cedr_gemm_f32, 3, 4},     {"gemm_f64", cedr_gemm_f64, 3, 8},     {"gemm_c64", cedr_gemm_c64, 3, 8},
    {"fft_c64", cedr_fft_c64, 2, 8},       {"zip_f32", cedr_zip_f32, 3, 4},       {"zip_c64", cedr_zip_c64, 3, 8},
    {"copy", kernel_copy, 2, 4},           {"bias_relu", kernel_bias_relu, 3, 4}, {"max_pool", kernel_max_pool, 2, 4},
    {"exp", kernel_exp, 2, 4},             {"tanh", kernel_tanh, 2, 4},           {"erf", kernel_erf, 2, 4},
};

static int64_t numbers[MOST_OPERANDS + 2][MOST_NUMBERS];

int main(int argc, char **argv) {
  int64_t strides[MOST_OPERANDS][CEDR_MAX_RANK] = {{0}};
  int group = 0;
  int place = 0;
  for (int i = 3; i < argc; ++i) {
    if (strcmp(argv[i], "/") == 0) {
      ++group;
      place = 0;
    } else {
      numbers[group][place++] = strtoll(argv[i], NULL, 10);
    }
  }
  for (size_t k = 0; k < sizeof FUNCTIONS / sizeof *FUNCTIONS; ++k) {
    if (strcmp(FUNCTIONS[k].name, argv[1]) != 0) {
      continue;
    }
    void *operand[MOST_OPERANDS];
    cedr_site site = {.run = FUNCTIONS[k].run, .operands = FUNCTIONS[k].operands, .variant = atoi(argv[2])};
    memcpy(site.dims, numbers[0], sizeof site.dims);
    for (int i = 0; i < group - 1; ++i) {
      memcpy(strides[i], numbers[i + 1], sizeof strides[i]);
    }
    site.strides = (const int64_t(*)[CEDR_MAX_RANK])strides;
    for (int i = 0; i < site.operands; ++i) {
      const size_t count = (size_t)numbers[group][i] * FUNCTIONS[k].element_bytes / sizeof(float);
      float *const values = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
      for (size_t j = 0; j < count; ++j) {
        values[j] = 1.0f;
      }
      operand[i] = values;
    }
    site.run(&site, operand);
    measure_begin();
    site.run(&site, operand);
    measure_end();
    return 0;
  }
  fprintf(stderr, "no function %s\n", argv[1]);
  return 1;
}
