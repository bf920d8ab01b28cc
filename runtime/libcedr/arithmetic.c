/* The API's calls in the arithmetic of an accelerator: half precision, and integer words with a scale. docs/values.md says
 * what each computes, to the bit.
 *
 * A call's operands are copied into dense arrays of doubles and rounded there to what the accelerator holds. Integer words
 * in doubles make products and sums exact, in any order, so that the float kernels compute them; half precision takes the
 * f32 kernels, whose products of such values are exact and whose sums are in the order of the indices. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

typedef enum { OWN, HALF, BLOCK, FIXED } arithmetic_kind;

typedef struct {
  arithmetic_kind kind;
  int bits;
  int fraction_bits;
} arithmetic;

typedef enum { CONV2D, CONV1D, GEMM, FFT, ZIP } api;

typedef struct {
  cedr_function *run;
  api api;
  cedr_dtype dtype;
} known_call;

static const known_call known_calls[] = {
    {cedr_conv2d_f32, CONV2D, CEDR_F32}, {cedr_conv2d_f64, CONV2D, CEDR_F64}, {cedr_conv1d_f32, CONV1D, CEDR_F32},
    {cedr_conv1d_f64, CONV1D, CEDR_F64}, {cedr_gemm_f32, GEMM, CEDR_F32},     {cedr_gemm_f64, GEMM, CEDR_F64},
    {cedr_gemm_c64, GEMM, CEDR_C64},     {cedr_fft_c64, FFT, CEDR_C64},       {cedr_zip_f32, ZIP, CEDR_F32},
    {cedr_zip_f64, ZIP, CEDR_F64},       {cedr_zip_c64, ZIP, CEDR_C64},
};

/* ---- rounding ---- */

static double round_half(double x) {
  enum { LEAST_EXPONENT = -13, SIGNIFICAND_BITS = 11 };
  if (isnan(x)) {
    return NAN;
  }
  if (isinf(x)) {
    return x;
  }
  int exponent = 0;
  frexp(x, &exponent);
  const int unit = (exponent > LEAST_EXPONENT ? exponent : LEAST_EXPONENT) - SIGNIFICAND_BITS;
  const double rounded = ldexp(rint(ldexp(x, -unit)), unit);
  return fabs(rounded) > 65504.0 ? copysign(INFINITY, x) : rounded;
}

/* Rounds value 2^power, which a double may be too small for, to what the accelerator holds; returns the exponent of the
 * words that stand in `value` then. `power` is 0 in half precision. */
static int quantise(const arithmetic *a, double *value, int64_t count, int fixed_exponent, int power) {
  if (a->kind == HALF) {
    for (int64_t i = 0; i < count; ++i) {
      value[i] = round_half(value[i]);
    }
    return 0;
  }
  const double most = ldexp(1, a->bits - 1) - 1;
  int exponent = fixed_exponent;
  if (a->kind == BLOCK) {
    double largest = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double magnitude = fabs(value[i]);
      largest = magnitude > largest && magnitude <= DBL_MAX ? magnitude : largest;
    }
    exponent = 0;
    if (largest > 0) {
      const double significand = frexp(largest, &exponent);
      exponent += power - (a->bits - 1);
      exponent += ldexp(significand, a->bits - 1) > most;
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    double word = isnan(value[i]) ? 0 : rint(ldexp(value[i], power - exponent)) + 0.0;
    word = word > most ? most : word;
    value[i] = word < -most - 1 ? -most - 1 : word;
  }
  return exponent;
}

/* Words back to values. */
static void scale(double *value, int64_t count, int exponent) {
  for (int64_t i = 0; exponent != 0 && i < count; ++i) {
    value[i] = ldexp(value[i], exponent);
  }
}

/* One operation's result in half precision's accumulator. The operations' operands are floats here, so that rounding what
 * they give in double to float is rounding once. */
static double narrow(const arithmetic *a, double x) {
  return a->kind == HALF ? (double)(float)x : x;
}

/* ---- operands ---- */

typedef struct {
  void *data;
  cedr_dtype dtype;
  int rank;
  int64_t shape[CEDR_MAX_RANK];
  int64_t strides[CEDR_MAX_RANK];
} view;

static int64_t parts(const view *v) {
  int64_t count = v->dtype == CEDR_C64 ? 2 : 1;
  for (int i = 0; i < v->rank; ++i) {
    count *= v->shape[i];
  }
  return count;
}

/* Between a tile and its dense copy; complex elements are two doubles. */
static void copy(const view *v, double *dense, bool to_dense) {
  int64_t index[CEDR_MAX_RANK] = {0};
  const int64_t count = parts(v) / (v->dtype == CEDR_C64 ? 2 : 1);
  for (int64_t n = 0; n < count; ++n) {
    int64_t at = 0;
    for (int i = 0; i < v->rank; ++i) {
      at += index[i] * v->strides[i];
    }
    if (v->dtype == CEDR_F64) {
      double *const element = (double *)v->data + at;
      if (to_dense) {
        dense[n] = *element;
      } else {
        *element = dense[n];
      }
    } else {
      const int64_t size = v->dtype == CEDR_C64 ? 2 : 1;
      float *const element = (float *)v->data + at * size;
      for (int64_t k = 0; k < size; ++k) {
        if (to_dense) {
          dense[n * size + k] = element[k];
        } else {
          element[k] = (float)dense[n * size + k];
        }
      }
    }
    for (int i = v->rank - 1; i >= 0 && ++index[i] == v->shape[i]; --i) {
      index[i] = 0;
    }
  }
}

static double *dense_copy(const view *v) {
  double *const dense = cedr_allocate((size_t)parts(v), sizeof *dense);
  copy(v, dense, true);
  return dense;
}

static view view_of(const cedr_site *site, void *const operand[], int number, cedr_dtype dtype, int rank,
                    const int64_t *shape) {
  view v = {.data = operand[number], .dtype = dtype, .rank = rank};
  memcpy(v.shape, shape, (size_t)rank * sizeof shape[0]);
  memcpy(v.strides, site->strides[number], (size_t)rank * sizeof v.strides[0]);
  return v;
}

/* Refuses sums that doubles would round. */
static void check_exact(const arithmetic *a, int64_t products) {
  if (a->kind != HALF && (double)products > ldexp(1, 53 - 2 * (a->bits - 1))) {
    cedr_fail("%lld products of %d-bit words in one sum: more than are exact", (long long)products, a->bits);
  }
}

/* ---- calls ---- */

/* Dense strides of a shape. */
static void set_dense(int64_t *strides, const int64_t *shape, int rank) {
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= shape[i];
  }
}

static float *as_floats(const double *value, int64_t count) {
  float *const result = cedr_allocate((size_t)count, sizeof *result);
  for (int64_t i = 0; i < count; ++i) {
    result[i] = (float)value[i];
  }
  return result;
}

/* y = x * w: the kernels of real convolutions on dense copies. */
static void convolve(const arithmetic *a, const cedr_site *site, double *const dense[3], const view views[3]) {
  int64_t strides[3][CEDR_MAX_RANK] = {{0}};
  for (int i = 0; i < 3; ++i) {
    set_dense(strides[i], views[i].shape, views[i].rank);
  }
  cedr_site local = *site;
  local.strides = (const int64_t (*)[CEDR_MAX_RANK])strides;
  const bool planar = views[0].rank == 4;
  if (a->kind != HALF) {
    void *const operands[] = {dense[0], dense[1], dense[2]};
    (planar ? cedr_conv2d_f64 : cedr_conv1d_f64)(&local, operands);
    return;
  }
  const int64_t count = parts(&views[2]);
  float *const x = as_floats(dense[0], parts(&views[0]));
  float *const w = as_floats(dense[1], parts(&views[1]));
  float *const y = cedr_allocate((size_t)count, sizeof *y);
  void *const operands[] = {x, w, y};
  (planar ? cedr_conv2d_f32 : cedr_conv1d_f32)(&local, operands);
  for (int64_t i = 0; i < count; ++i) {
    dense[2][i] = y[i];
  }
  cedr_release(x);
  cedr_release(w);
  cedr_release(y);
}

/* C = A B, A m x k, B k x n, of dense real or complex elements; a term after the other. */
static void multiply(const arithmetic *a, const int64_t *dims, bool is_complex, const double *left,
                     const double *right, double *product) {
  const int64_t m = dims[0];
  const int64_t depth = dims[1];
  const int64_t n = dims[2];
  for (int64_t i = 0; i < m; ++i) {
    double *const row = product + i * n * (is_complex ? 2 : 1);
    memset(row, 0, (size_t)n * (is_complex ? 2 : 1) * sizeof row[0]);
    for (int64_t k = 0; k < depth; ++k) {
      if (!is_complex) {
        const double factor = left[i * depth + k];
        for (int64_t j = 0; j < n; ++j) {
          row[j] = narrow(a, row[j] + factor * right[k * n + j]);
        }
        continue;
      }
      const double *const factor = left + (i * depth + k) * 2;
      for (int64_t j = 0; j < n; ++j) {
        const double *const other = right + (k * n + j) * 2;
        row[2 * j] = narrow(a, row[2 * j] + factor[0] * other[0]);
        row[2 * j] = narrow(a, row[2 * j] - factor[1] * other[1]);
        row[2 * j + 1] = narrow(a, row[2 * j + 1] + factor[0] * other[1]);
        row[2 * j + 1] = narrow(a, row[2 * j + 1] + factor[1] * other[0]);
      }
    }
  }
}

static void combine(const arithmetic *a, cedr_zip_kind kind, int64_t count, bool is_complex, const double *x,
                    const double *y, double *z) {
  const int64_t step = is_complex && kind != CEDR_ZIP_ADD && kind != CEDR_ZIP_SUB ? 2 : 1;
  for (int64_t i = 0; i < count; i += step) {
    switch (kind) {
      case CEDR_ZIP_ADD:
        z[i] = narrow(a, x[i] + y[i]);
        break;
      case CEDR_ZIP_SUB:
        z[i] = narrow(a, x[i] - y[i]);
        break;
      case CEDR_ZIP_MUL:
      case CEDR_ZIP_CMP_MUL:
        if (step == 1) {
          z[i] = narrow(a, x[i] * y[i]);
        } else {
          z[i] = narrow(a, x[i] * y[i] - x[i + 1] * y[i + 1]);
          z[i + 1] = narrow(a, x[i] * y[i + 1] + x[i + 1] * y[i]);
        }
        break;
      case CEDR_ZIP_DIV:
        if (step == 1) {
          z[i] = narrow(a, x[i] / y[i]);
        } else {
          const double square = narrow(a, y[i] * y[i] + y[i + 1] * y[i + 1]);
          z[i] = narrow(a, narrow(a, x[i] * y[i] + x[i + 1] * y[i + 1]) / square);
          z[i + 1] = narrow(a, narrow(a, x[i + 1] * y[i] - x[i] * y[i + 1]) / square);
        }
        break;
    }
  }
}

/* One row: n points, (re, im), dense. */
static void transform(const arithmetic *a, double *row, double *work, const double *root, int64_t n, bool inverse) {
  for (int64_t i = 0, reversed = 0; i < n; ++i) {
    work[2 * reversed] = row[2 * i];
    work[2 * reversed + 1] = row[2 * i + 1];
    int64_t bit = n >> 1;
    for (; bit > 0 && (reversed & bit) != 0; bit >>= 1) {
      reversed ^= bit;
    }
    reversed |= bit;
  }
  int exponent = quantise(a, work, 2 * n, -a->fraction_bits, 0);
  int stages = 0;
  for (int64_t half = 1; half < n; half *= 2, ++stages) {
    for (int64_t block = 0; block < n; block += 2 * half) {
      for (int64_t k = 0; k < half; ++k) {
        const double *const w = root + 2 * k * (n / (2 * half));
        double *const even = work + 2 * (block + k);
        double *const odd = even + 2 * half;
        const double re = narrow(a, w[0] * odd[0] - w[1] * odd[1]);
        const double im = narrow(a, w[0] * odd[1] + w[1] * odd[0]);
        odd[0] = narrow(a, even[0] - re);
        odd[1] = narrow(a, even[1] - im);
        even[0] = narrow(a, even[0] + re);
        even[1] = narrow(a, even[1] + im);
      }
    }
    exponent += quantise(a, work, 2 * n, 1, 0);
  }
  if (a->kind != HALF) {
    scale(work, 2 * n, exponent - (inverse ? stages : 0));
  } else if (inverse) {
    scale(work, 2 * n, -stages);
    quantise(a, work, 2 * n, 0, 0);
  }
  memcpy(row, work, (size_t)n * 2 * sizeof row[0]);
}

static void fft(const arithmetic *a, const cedr_site *site, double *row) {
  const int64_t n = site->dims[1];
  const bool inverse = site->variant == 1;
  const double pi = 3.14159265358979323846;
  double *const work = cedr_allocate((size_t)n * 2, sizeof *work);
  double *const root = cedr_allocate((size_t)n + 2, sizeof *root);
  for (int64_t k = 0; k < n / 2; ++k) {
    const double angle = (inverse ? 1.0 : -1.0) * 2.0 * pi * (double)k / (double)n;
    const double factor[2] = {cos(angle), sin(angle)};
    for (int i = 0; i < 2; ++i) {
      root[2 * k + i] =
          a->kind == HALF ? round_half(factor[i]) : ldexp(rint(ldexp(factor[i], a->bits - 2)), 2 - a->bits);
    }
  }
  for (int64_t i = 0; i < site->dims[0]; ++i) {
    transform(a, row + i * n * 2, work, root, n, inverse);
  }
  cedr_release(work);
  cedr_release(root);
}

/* ---- what cedr.c calls ---- */

static bool decode(uint32_t implementation, arithmetic *a) {
  *a = (arithmetic){(arithmetic_kind)(implementation & 0xFF), (int)(implementation >> 8 & 0xFF),
                    (int)(implementation >> 16)};
  const bool is_word = a->bits == 8 || a->bits == 16;
  switch (a->kind) {
    case OWN:
      return implementation == OWN;
    case HALF:
      return implementation == HALF;
    case BLOCK:
      return is_word && a->fraction_bits == 0;
    case FIXED:
      return is_word && a->fraction_bits < a->bits;
  }
  return false;
}

static void run_in(const arithmetic *a, const known_call *call, const cedr_site *site, void *const operand[]) {
  const int64_t *const d = site->dims;
  const bool is_complex = call->dtype == CEDR_C64;
  view views[3];
  int count = 3;
  int64_t products = 1;
  switch (call->api) {
    case CONV2D:
      views[0] = view_of(site, operand, 0, call->dtype, 4, (int64_t[]){d[0], d[1], d[2], d[3]});
      views[1] = view_of(site, operand, 1, call->dtype, 4, (int64_t[]){d[4], d[1], d[5], d[6]});
      views[2] = view_of(site, operand, 2, call->dtype, 4, (int64_t[]){d[0], d[4], d[7], d[8]});
      products = d[1] * d[5] * d[6];
      break;
    case CONV1D:
      views[0] = view_of(site, operand, 0, call->dtype, 3, (int64_t[]){d[0], d[1], d[2]});
      views[1] = view_of(site, operand, 1, call->dtype, 3, (int64_t[]){d[3], d[1], d[4]});
      views[2] = view_of(site, operand, 2, call->dtype, 3, (int64_t[]){d[0], d[3], d[5]});
      products = d[1] * d[4];
      break;
    case GEMM:
      views[0] = view_of(site, operand, 0, call->dtype, 2, (int64_t[]){d[0], d[1]});
      views[1] = view_of(site, operand, 1, call->dtype, 2, (int64_t[]){d[1], d[2]});
      views[2] = view_of(site, operand, 2, call->dtype, 2, (int64_t[]){d[0], d[2]});
      if (site->variant == 1) { /* B is n x k: its transpose is copied */
        views[1].strides[0] = site->strides[1][1];
        views[1].strides[1] = site->strides[1][0];
      }
      products = d[1] * (is_complex ? 2 : 1);
      break;
    case FFT:
      views[0] = view_of(site, operand, 0, call->dtype, 2, (int64_t[]){d[0], d[1]});
      views[1] = view_of(site, operand, 1, call->dtype, 2, (int64_t[]){d[0], d[1]});
      count = 2;
      break;
    case ZIP:
      for (int i = 0; i < 3; ++i) {
        views[i] = view_of(site, operand, i, call->dtype, CEDR_MAX_RANK, site->strides[3]);
      }
      break;
  }
  check_exact(a, products);
  double *dense[3];
  for (int i = 0; i < count; ++i) {
    dense[i] = dense_copy(&views[i]);
  }
  const int64_t results = parts(&views[count - 1]);
  if (call->api == FFT) {
    fft(a, site, dense[0]);
    copy(&views[1], dense[0], false);
  } else {
    int exponent[2];
    for (int i = 0; i < 2; ++i) {
      exponent[i] = quantise(a, dense[i], parts(&views[i]), -a->fraction_bits, 0);
    }
    int result = exponent[0] + exponent[1];
    if (call->api == GEMM) {
      multiply(a, d, is_complex, dense[0], dense[1], dense[2]);
    } else if (call->api == ZIP) {
      const cedr_zip_kind kind = (cedr_zip_kind)site->variant;
      if (kind == CEDR_ZIP_ADD || kind == CEDR_ZIP_SUB) {
        scale(dense[0], results, exponent[0]);
        scale(dense[1], results, exponent[1]);
        result = 0;
      } else if (kind == CEDR_ZIP_DIV) {
        result = exponent[0] - exponent[1];
      }
      combine(a, kind, results, is_complex, dense[0], dense[1], dense[2]);
    } else {
      convolve(a, site, dense, views);
    }
    scale(dense[2], results, quantise(a, dense[2], results, -a->fraction_bits, result));
    copy(&views[2], dense[2], false);
  }
  for (int i = 0; i < count; ++i) {
    cedr_release(dense[i]);
  }
}

bool cedr_run_as(uint32_t implementation, const cedr_site *site, void *const operand[]) {
  arithmetic a;
  if (implementation == OWN) {
    site->run(site, operand);
    return true;
  }
  if (!decode(implementation, &a)) {
    return false;
  }
  for (size_t i = 0; i < sizeof known_calls / sizeof known_calls[0]; ++i) {
    if (known_calls[i].run == site->run) {
      run_in(&a, &known_calls[i], site, operand);
      return true;
    }
  }
  return false;
}
