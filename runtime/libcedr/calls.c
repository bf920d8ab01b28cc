/* The API's calls on the host's CPU: the float reference implementation of every PE. */
#include <math.h>
#include <stdlib.h>

#include "cedr_complex.h"
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

enum { COMPLEX_COLUMNS = 4 };

/* `columns` neighbours of one row of a product. The parts of A's elements multiply the parts of B's as they lie there;
 * which belong together is sorted out at the end. Products of floats are exact in double. */
#define COMPLEX_BLOCK(columns)                                                                                   \
  do {                                                                                                           \
    double by_re[2 * (columns)] = {0};                                                                           \
    double by_im[2 * (columns)] = {0};                                                                           \
    for (int64_t k = 0; k < site->dims[1]; ++k) {                                                                \
      const double re = row[k * sa[1]].re;                                                                       \
      const double im = row[k * sa[1]].im;                                                                       \
      const float *const from = (const float *)(b + j * b_column + k * b_step);                                  \
      for (int l = 0; l < 2 * (columns); ++l) {                                                                  \
        const double part = from[l / 2 * 2 * b_column + l % 2];                                                  \
        by_re[l] += re * part;                                                                                   \
        by_im[l] += im * part;                                                                                   \
      }                                                                                                          \
    }                                                                                                            \
    for (int l = 0; l < (columns); ++l) {                                                                        \
      c64 *const to = c + i * sc[0] + (j + l) * sc[1];                                                           \
      to->re = (float)(by_re[2 * l] - by_im[2 * l + 1]);                                                         \
      to->im = (float)(by_re[2 * l + 1] + by_im[2 * l]);                                                         \
    }                                                                                                            \
  } while (0)

/* dims: m k n; variant 1: B is n x k */
void cedr_gemm_c64(const cedr_site *site, void *const operand[]) {
  const int64_t *const sa = site->strides[0];
  const int64_t *const sb = site->strides[1];
  const int64_t *const sc = site->strides[2];
  const c64 *const b = (const c64 *)operand[1];
  c64 *const c = (c64 *)operand[2];
  const int64_t n = site->dims[2];
  const int64_t b_column = site->variant == 0 ? sb[1] : sb[0];
  const int64_t b_step = site->variant == 0 ? sb[0] : sb[1];
  for (int64_t i = 0; i < site->dims[0]; ++i) {
    const c64 *const row = (const c64 *)operand[0] + i * sa[0];
    int64_t j = 0;
    for (; j + COMPLEX_COLUMNS <= n; j += COMPLEX_COLUMNS) {
      COMPLEX_BLOCK(COMPLEX_COLUMNS);
    }
    for (; j < n; ++j) {
      COMPLEX_BLOCK(1);
    }
  }
}

/* The FFT: decimation in time, two stages at once, in double precision as CEDR's CPU kernel. The inverse is the
 * transform of the numbers with their parts exchanged, so exchanged again. */

double *cedr_make_roots(int stage) {
  const double pi = 3.14159265358979323846;
  const int64_t half = INT64_C(1) << stage;
  double *const made = (double *)cedr_allocate((size_t)half * 2, sizeof *made);
  for (int64_t k = 0; k < half; ++k) {
    const double angle = pi * (double)k / (double)half;
    made[k] = cos(angle);
    made[half + k] = -sin(angle);
  }
  return made;
}

/* Complex numbers in two arrays. */
typedef struct {
  double *re, *im;
} planes;

/* The transforms of the odd and the even elements become one: (x, y) -> (x + w y, x - w y), `half` times. */
static void join_two(double *CEDR_RESTRICT x_re, double *CEDR_RESTRICT x_im, double *CEDR_RESTRICT y_re,
                     double *CEDR_RESTRICT y_im, const double *CEDR_RESTRICT w_re, const double *CEDR_RESTRICT w_im,
                     int64_t half) {
  for (int64_t k = 0; k < half; ++k) {
    const double re = y_re[k] * w_re[k] - y_im[k] * w_im[k];
    const double im = y_re[k] * w_im[k] + y_im[k] * w_re[k];
    y_re[k] = x_re[k] - re;
    y_im[k] = x_im[k] - im;
    x_re[k] += re;
    x_im[k] += im;
  }
}

/* Two such stages at once: a with b and c with d by the roots w, then the two by the roots v, whose second half is -i
 * times the first. */
static void join_four(double *CEDR_RESTRICT a_re, double *CEDR_RESTRICT a_im, double *CEDR_RESTRICT b_re,
                      double *CEDR_RESTRICT b_im, double *CEDR_RESTRICT c_re, double *CEDR_RESTRICT c_im,
                      double *CEDR_RESTRICT d_re, double *CEDR_RESTRICT d_im, const double *CEDR_RESTRICT w_re,
                      const double *CEDR_RESTRICT w_im, const double *CEDR_RESTRICT v_re,
                      const double *CEDR_RESTRICT v_im, int64_t quarter) {
  for (int64_t k = 0; k < quarter; ++k) {
    const double wb_re = b_re[k] * w_re[k] - b_im[k] * w_im[k];
    const double wb_im = b_re[k] * w_im[k] + b_im[k] * w_re[k];
    const double wd_re = d_re[k] * w_re[k] - d_im[k] * w_im[k];
    const double wd_im = d_re[k] * w_im[k] + d_im[k] * w_re[k];
    const double even_re = c_re[k] + wd_re;
    const double even_im = c_im[k] + wd_im;
    const double odd_re = c_re[k] - wd_re;
    const double odd_im = c_im[k] - wd_im;
    const double ve_re = even_re * v_re[k] - even_im * v_im[k];
    const double ve_im = even_re * v_im[k] + even_im * v_re[k];
    const double vo_re = odd_re * v_im[k] + odd_im * v_re[k];
    const double vo_im = odd_im * v_im[k] - odd_re * v_re[k];
    const double sum_re = a_re[k] + wb_re;
    const double sum_im = a_im[k] + wb_im;
    const double difference_re = a_re[k] - wb_re;
    const double difference_im = a_im[k] - wb_im;
    a_re[k] = sum_re + ve_re;
    a_im[k] = sum_im + ve_im;
    b_re[k] = difference_re + vo_re;
    b_im[k] = difference_im + vo_im;
    c_re[k] = sum_re - ve_re;
    c_im[k] = sum_im - ve_im;
    d_re[k] = difference_re - vo_re;
    d_im[k] = difference_im - vo_im;
  }
}

/* The elements of a row in bit-reversed order, and the first two stages, whose roots are 1 and -i. n >= 4. */
static void load_fours(planes to, const c64 *x, int64_t step, int64_t n, bool inverse) {
  const int64_t quarter = n / 4;
  for (int64_t place = 0, reversed = 0; place < quarter; ++place) {
    double re[4];
    double im[4];
    for (int l = 0; l < 4; ++l) {
      const c64 *const from = x + (reversed + l * quarter) * step;
      re[l] = inverse ? from->im : from->re;
      im[l] = inverse ? from->re : from->im;
    }
    const double even_re[2] = {re[0] + re[2], re[0] - re[2]};
    const double even_im[2] = {im[0] + im[2], im[0] - im[2]};
    const double odd_re[2] = {re[1] + re[3], im[1] - im[3]};
    const double odd_im[2] = {im[1] + im[3], re[3] - re[1]};
    for (int l = 0; l < 2; ++l) {
      to.re[4 * place + l] = even_re[l] + odd_re[l];
      to.im[4 * place + l] = even_im[l] + odd_im[l];
      to.re[4 * place + 2 + l] = even_re[l] - odd_re[l];
      to.im[4 * place + 2 + l] = even_im[l] - odd_im[l];
    }
    int64_t bit = quarter >> 1;
    for (; bit > 0 && (reversed & bit) != 0; bit >>= 1) {
      reversed ^= bit;
    }
    reversed |= bit;
  }
}

/* dims: b n; variant 1: inverse, scaled by 1/n */
void cedr_fft_c64(const cedr_site *site, void *const operand[]) {
  const int64_t n = site->dims[1];
  const int64_t *const sx = site->strides[0];
  const int64_t *const sy = site->strides[1];
  const bool inverse = site->variant == 1;
  const double factor = inverse ? 1.0 / (double)n : 1.0;
  double *const memory = (double *)cedr_allocate((size_t)n * 2, sizeof *memory);
  const planes work = {memory, memory + n};
  for (int64_t row = 0; row < site->dims[0]; ++row) {
    const c64 *const x = (const c64 *)operand[0] + row * sx[0];
    c64 *const y = (c64 *)operand[1] + row * sy[0];
    int64_t half = 1;
    int stage = 0;
    if (n >= 4) {
      load_fours(work, x, sx[1], n, inverse);
      half = 4;
      stage = 2;
    } else {
      for (int64_t i = 0; i < n; ++i) {
        work.re[i] = inverse ? x[i * sx[1]].im : x[i * sx[1]].re;
        work.im[i] = inverse ? x[i * sx[1]].re : x[i * sx[1]].im;
      }
    }
    for (; 4 * half <= n; half *= 4, stage += 2) {
      const double *const w = cedr_roots(stage);
      const double *const v = cedr_roots(stage + 1);
      for (int64_t block = 0; block < n; block += 4 * half) {
        double *const re = work.re + block;
        double *const im = work.im + block;
        join_four(re, im, re + half, im + half, re + 2 * half, im + 2 * half, re + 3 * half, im + 3 * half, w, w + half,
                  v, v + 2 * half, half);
      }
    }
    if (half < n) {
      const double *const w = cedr_roots(stage);
      join_two(work.re, work.im, work.re + half, work.im + half, w, w + half, half);
    }
    const planes out = inverse ? (planes){work.im, work.re} : work;
    for (int64_t i = 0; i < n; ++i) {
      y[i * sy[1]] = (c64){(float)(out.re[i] * factor), (float)(out.im[i] * factor)};
    }
  }
  cedr_release(memory);
}

/* ZIP: element by element over tiles of any rank. The record's dims give the element count only, so the extents stand
 * behind the strides: strides[3] holds the shape. */
#define ZIP(name, type, ADD, SUB, MUL, DIV)                                                                      \
  static void name##_line(int32_t kind, const type *a, int64_t sa, const type *b, int64_t sb, type *c, int64_t sc,\
                          int64_t count) {                                                                       \
    switch ((cedr_zip_kind)kind) {                                                                               \
      case CEDR_ZIP_ADD:                                                                                         \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = ADD(a[i * sa], b[i * sb]);                                                                 \
        }                                                                                                        \
        break;                                                                                                   \
      case CEDR_ZIP_SUB:                                                                                         \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = SUB(a[i * sa], b[i * sb]);                                                                 \
        }                                                                                                        \
        break;                                                                                                   \
      case CEDR_ZIP_MUL:                                                                                         \
      case CEDR_ZIP_CMP_MUL:                                                                                     \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = MUL(a[i * sa], b[i * sb]);                                                                 \
        }                                                                                                        \
        break;                                                                                                   \
      case CEDR_ZIP_DIV:                                                                                         \
        for (int64_t i = 0; i < count; ++i) {                                                                    \
          c[i * sc] = DIV(a[i * sa], b[i * sb]);                                                                 \
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

#define PLAIN_ADD(a, b) ((a) + (b))
#define PLAIN_SUB(a, b) ((a) - (b))
#define PLAIN_MUL(a, b) ((a) * (b))
#define PLAIN_DIV(a, b) ((a) / (b))

/* Rounds down, as NumPy's and the IR's integer division does. */
static int64_t divide_integers(int64_t a, int64_t b) {
  if (b == 0) {
    cedr_fail("zip div: integer division by zero");
  }
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

ZIP(cedr_zip_f32, float, PLAIN_ADD, PLAIN_SUB, PLAIN_MUL, PLAIN_DIV)
ZIP(cedr_zip_f64, double, PLAIN_ADD, PLAIN_SUB, PLAIN_MUL, PLAIN_DIV)
ZIP(cedr_zip_i64, int64_t, PLAIN_ADD, PLAIN_SUB, PLAIN_MUL, divide_integers)
ZIP(cedr_zip_i32, int32_t, PLAIN_ADD, PLAIN_SUB, PLAIN_MUL, (int32_t)divide_integers)
ZIP(cedr_zip_c64, c64, complex_add, complex_sub, complex_mul, complex_div)
