/* The API's calls on the host's CPU: the float reference implementation of every PE. */
#include <complex.h>
#include <math.h>
#include <stdlib.h>

#include "internal.h"

#define REAL float
#define NAME(x) x##_f32
#define LANES 16
#include "calls_float.h"
#undef REAL
#undef NAME
#undef LANES

#define REAL double
#define NAME(x) x##_f64
#define LANES 8
#include "calls_float.h"
#undef REAL
#undef NAME
#undef LANES

/* dims: m k n; variant 1: B is n x k */
void cedr_gemm_c64(const cedr_site *site, void *const operand[]) {
  const int64_t *const sa = site->strides[0];
  const int64_t *const sb = site->strides[1];
  const int64_t *const sc = site->strides[2];
  const float _Complex *const a = operand[0];
  const float _Complex *const b = operand[1];
  float _Complex *const c = operand[2];
  const int64_t b_column = site->variant == 0 ? sb[1] : sb[0];
  const int64_t b_step = site->variant == 0 ? sb[0] : sb[1];
  for (int64_t i = 0; i < site->dims[0]; ++i) {
    for (int64_t j = 0; j < site->dims[2]; ++j) {
      double _Complex sum = 0;
      for (int64_t k = 0; k < site->dims[1]; ++k) {
        sum += (double _Complex)a[i * sa[0] + k * sa[1]] * (double _Complex)b[j * b_column + k * b_step];
      }
      c[i * sc[0] + j * sc[1]] = (float _Complex)sum;
    }
  }
}

/* Radix-2, decimation in time, in double precision as CEDR's CPU kernel. dims: b n; variant 1: inverse, scaled by 1/n */
void cedr_fft_c64(const cedr_site *site, void *const operand[]) {
  const int64_t n = site->dims[1];
  const int64_t *const sx = site->strides[0];
  const int64_t *const sy = site->strides[1];
  const double sign = site->variant == 1 ? 1.0 : -1.0;
  const double pi = 3.14159265358979323846;
  double _Complex *const work = cedr_allocate((size_t)n, sizeof *work);
  double _Complex *const root = cedr_allocate((size_t)(n / 2 + 1), sizeof *root);
  for (int64_t k = 0; k < n / 2; ++k) {
    const double angle = sign * 2.0 * pi * (double)k / (double)n;
    root[k] = cos(angle) + sin(angle) * I;
  }
  for (int64_t row = 0; row < site->dims[0]; ++row) {
    const float _Complex *const x = (const float _Complex *)operand[0] + row * sx[0];
    float _Complex *const y = (float _Complex *)operand[1] + row * sy[0];
    for (int64_t i = 0, reversed = 0; i < n; ++i) {
      work[reversed] = x[i * sx[1]];
      int64_t bit = n >> 1;
      for (; bit > 0 && (reversed & bit) != 0; bit >>= 1) {
        reversed ^= bit;
      }
      reversed |= bit;
    }
    for (int64_t half = 1; half < n; half *= 2) {
      for (int64_t block = 0; block < n; block += 2 * half) {
        for (int64_t k = 0; k < half; ++k) {
          const double _Complex even = work[block + k];
          const double _Complex odd = work[block + k + half] * root[k * (n / (2 * half))];
          work[block + k] = even + odd;
          work[block + k + half] = even - odd;
        }
      }
    }
    for (int64_t i = 0; i < n; ++i) {
      y[i * sy[1]] = (float _Complex)(site->variant == 1 ? work[i] / (double)n : work[i]);
    }
  }
  free(work);
  free(root);
}

/* ZIP: element by element over tiles of any rank. The record's dims give the element count only, so the extents stand
 * behind the strides: strides[3] holds the shape. */
#define ZIP(name, type, divide)                                                                                  \
  static void name##_line(int32_t kind, const type *a, int64_t sa, const type *b, int64_t sb, type *c, int64_t sc, \
                          int64_t count) {                                                                       \
    switch ((cedr_zip_kind)kind) {                                                                               \
      case CEDR_ZIP_ADD:                                                                                         \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = (type)(a[i * sa] + b[i * sb]);                                                             \
        }                                                                                                        \
        break;                                                                                                   \
      case CEDR_ZIP_SUB:                                                                                         \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = (type)(a[i * sa] - b[i * sb]);                                                             \
        }                                                                                                        \
        break;                                                                                                   \
      case CEDR_ZIP_MUL:                                                                                         \
      case CEDR_ZIP_CMP_MUL:                                                                                     \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = (type)(a[i * sa] * b[i * sb]);                                                             \
        }                                                                                                        \
        break;                                                                                                   \
      case CEDR_ZIP_DIV:                                                                                         \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = (type)divide(a[i * sa], b[i * sb]);                                                        \
        }                                                                                                        \
        break;                                                                                                   \
    }                                                                                                            \
  }                                                                                                              \
  void name(const cedr_site *site, void *const operand[]) {                                                      \
    const int64_t *const shape = site->strides[3];                                                               \
    int64_t index[CEDR_MAX_RANK] = {0};                                                                          \
    const int last = CEDR_MAX_RANK - 1;                                                                          \
    for (;;) {                                                                                                   \
      int64_t at[3] = {0};                                                                                       \
      for (int i = 0; i < last; ++i) {                                                                           \
        for (int k = 0; k < 3; ++k) {                                                                            \
          at[k] += index[i] * site->strides[k][i];                                                               \
        }                                                                                                        \
      }                                                                                                          \
      name##_line(site->variant, (const type *)operand[0] + at[0], site->strides[0][last],                       \
                  (const type *)operand[1] + at[1], site->strides[1][last], (type *)operand[2] + at[2],          \
                  site->strides[2][last], shape[last]);                                                          \
      int i = last - 1;                                                                                          \
      while (i >= 0 && ++index[i] == shape[i]) {                                                                 \
        index[i--] = 0;                                                                                          \
      }                                                                                                          \
      if (i < 0) {                                                                                               \
        return;                                                                                                  \
      }                                                                                                          \
    }                                                                                                            \
  }

#define PLAIN_DIVIDE(a, b) ((a) / (b))

/* Rounds down, as NumPy's and the IR's integer division does. */
static int64_t divide_integers(int64_t a, int64_t b) {
  if (b == 0) {
    cedr_fail("zip div: integer division by zero");
  }
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

ZIP(cedr_zip_f32, float, PLAIN_DIVIDE)
ZIP(cedr_zip_f64, double, PLAIN_DIVIDE)
ZIP(cedr_zip_i64, int64_t, divide_integers)
ZIP(cedr_zip_i32, int32_t, divide_integers)
ZIP(cedr_zip_c64, float _Complex, PLAIN_DIVIDE)
