/* Elements of 16 bits, f16 and bf16, which C11 has no types for: kept as bits, computed on as floats that hold their values.
 * Rounding is to nearest, ties to even. */
#ifndef CEDR_HALF_H
#define CEDR_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t cedr_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float cedr_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline float cedr_from_bf16(uint16_t element) {
  return cedr_float((uint32_t)element << 16);
}

static inline uint16_t cedr_to_bf16(float value) {
  const uint32_t bits = cedr_bits(value);
  return value != value ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float cedr_from_f16(uint16_t element) {
  const uint32_t sign = (uint32_t)(element & 0x8000) << 16;
  const uint32_t moved = (uint32_t)(element & 0x7fff) << 13; /* exponent and fraction where a float has them */
  if (moved >= 31u << 23) { /* infinite or NaN */
    return cedr_float(sign | (moved + (224u << 23)));
  }
  if (moved >= 1u << 23) {
    return cedr_float(sign | (moved + (112u << 23)));
  }
  return cedr_float(sign | cedr_bits((float)(element & 0x3ff) * 0x1p-24f));
}

static inline uint16_t cedr_to_f16(float value) {
  const uint32_t bits = cedr_bits(value);
  const uint32_t sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (value != value) {
    return (uint16_t)(sign | 0x7e00);
  }
  if (magnitude >= 143u << 23) { /* 2^16 and more */
    return (uint16_t)(sign | 0x7c00);
  }
  if (magnitude < 113u << 23) { /* below 2^-14: a multiple of 2^-24, the last place of a float at 0.5 */
    return (uint16_t)(sign | (cedr_bits(cedr_float(magnitude) + 0.5f) - cedr_bits(0.5f)));
  }
  return (uint16_t)(sign | ((magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13));
}

#endif
