/* Complex elements: their arithmetic, for libcedr's kernels and for those of a module. */
#ifndef CEDR_COMPLEX_H
#define CEDR_COMPLEX_H

#include <math.h>
#include <stdbool.h>

#ifdef __cplusplus
/* The complex type of C and its functions, which C++ has no header for; GCC and clang know the type there too. */
extern "C" {
float crealf(float _Complex), cimagf(float _Complex), cabsf(float _Complex), cargf(float _Complex);
float _Complex conjf(float _Complex), cexpf(float _Complex), clogf(float _Complex), csqrtf(float _Complex);
float _Complex csinf(float _Complex), ccosf(float _Complex), ctanf(float _Complex), ctanhf(float _Complex);
float _Complex cpowf(float _Complex, float _Complex);
}
#else
#include <complex.h>
#endif

/* A complex element, as it lies in memory. C's own complex products test each result for NaN; those below do not. */
typedef struct {
  float re, im;
} c64;

static inline c64 complex_add(c64 a, c64 b) {
  return (c64){a.re + b.re, a.im + b.im};
}

static inline c64 complex_sub(c64 a, c64 b) {
  return (c64){a.re - b.re, a.im - b.im};
}

static inline c64 complex_mul(c64 a, c64 b) {
  return (c64){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* Smith's way, as NumPy: both parts by the divisor's larger one, so that infinite and zero divisors give what they give
 * there. In double, where nothing of floats overflows. */
static inline c64 complex_div(c64 a, c64 b) {
  if (b.re == 0 && b.im == 0) {
    return (c64){a.re / fabsf(b.re), a.im / fabsf(b.re)};
  }
  const bool real = fabsf(b.re) >= fabsf(b.im);
  const double large = real ? b.re : b.im;
  const double small = real ? b.im : b.re;
  const double first = real ? a.re : a.im;
  const double second = real ? a.im : a.re;
  const double ratio = small / large;
  const double scale = 1 / (large + small * ratio);
  const double im = (second - first * ratio) * scale;
  return (c64){(float)((first + second * ratio) * scale), (float)(real ? im : -im)};
}

/* The same on C's own complex type, in which a module keeps scalars. A part that is infinite or no number leaves the other
 * part alone, where `re + im * I` would not. */
typedef union {
  float _Complex number;
  c64 parts;
} cedr_complex_view;

static inline float _Complex cedr_complex(float re, float im) {
  return (cedr_complex_view){.parts = {re, im}}.number;
}

static inline float _Complex cedr_complex_mul(float _Complex a, float _Complex b) {
  return (cedr_complex_view){
      .parts = complex_mul((cedr_complex_view){.number = a}.parts, (cedr_complex_view){.number = b}.parts)}
      .number;
}

static inline float _Complex cedr_complex_div(float _Complex a, float _Complex b) {
  return (cedr_complex_view){
      .parts = complex_div((cedr_complex_view){.number = a}.parts, (cedr_complex_view){.number = b}.parts)}
      .number;
}

#endif
