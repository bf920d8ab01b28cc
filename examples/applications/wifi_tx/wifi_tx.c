/* WiFi transmitter: text into the samples of OFDM symbols. 100 calls: inverse FFT 128 for each of ten symbols of each
 * of ten frames. */
#include "../support.h"

enum {
  FRAMES = 10,
  SYMBOLS = 10,
  TEXT_BYTES = 78,
  BITS = 64,
  CODED = 224,
  CARRIERS = 128,
  PREFIX = 32,
  LEAD = 256,
  PREAMBLE = 322,
  TRAINING = 161,
  SAMPLES = 2500
};

static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* CRC-16 of ITU-T X.25. */
static unsigned check_of(const unsigned char *bytes, size_t size) {
  unsigned crc = 0xffff;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = (crc & 1) != 0 ? crc >> 1 ^ 0x8408 : crc >> 1;
    }
  }
  return crc ^ 0xffff;
}

/* The frame's 640 bits: the text behind two zeros and its check, each byte from its highest bit. */
static void frame_bits(unsigned char *bits) {
  unsigned char bytes[TEXT_BYTES + 2] = {0};
  for (size_t i = 2; i < TEXT_BYTES; i++) {
    bytes[i] = (unsigned char)LETTERS[(i - 2) % (sizeof(LETTERS) - 1)];
  }
  const unsigned check = check_of(bytes, TEXT_BYTES);
  bytes[TEXT_BYTES] = (unsigned char)(check & 0xff);
  bytes[TEXT_BYTES + 1] = (unsigned char)(check >> 8);
  for (size_t i = 0; i < SYMBOLS * BITS; i++) {
    bits[i] = bytes[i / 8] >> (7 - i % 8) & 1;
  }
}

static unsigned char parity(unsigned number) {
  unsigned char odd = 0;
  for (; number != 0; number &= number - 1) {
    odd ^= 1;
  }
  return odd;
}

/* Inverts, codes (K = 7, rate 1/2), fills up with zeros and interleaves the 64 bits of a symbol. */
static void code(const unsigned char *bits, unsigned char *coded) {
  unsigned char sequence[CODED] = {0};
  unsigned history = 0; /* the newest bit is the highest of seven */
  for (size_t i = 0; i < BITS; i++) {
    history = history >> 1 | (unsigned)(bits[i] ^ 1) << 6;
    sequence[2 * i] = parity(history & 0133);
    sequence[2 * i + 1] = parity(history & 0171);
  }
  for (size_t i = 0; i < CODED; i++) {
    coded[i] = sequence[CODED / 4 * (i % 4) + i / 4];
  }
}

/* Pairs of bits as points of a QPSK on 112 carriers, and after each seven a pilot. */
static void map_carriers(const unsigned char *coded, dash_cmplx_flt_type *carriers) {
  const float root = (float)(1 / sqrt(2));
  for (size_t i = 0, pair = 0; i < CARRIERS; i++) {
    if (i % 8 == 7) {
      carriers[i].re = i / 8 % 4 == 0 ? -1.0f : 1.0f;
      carriers[i].im = 1;
    } else {
      const unsigned char first = coded[2 * pair], second = coded[2 * pair + 1];
      carriers[i].re = first != 0 ? root : -root;
      carriers[i].im = first != second ? root : -root;
      pair++;
    }
  }
}

/* One training sequence of IEEE 802.11a-1999 (17.3.3): 161 samples of a wave of 64 samples' period that starts `lead`
 * samples before the period does, the first and the last halved. `spectrum` holds carriers -26 to 26. */
static void training(const dash_cmplx_flt_type *spectrum, int lead, dash_cmplx_flt_type *samples) {
  for (int n = 0; n < TRAINING; n++) {
    double re = 0, im = 0;
    for (int k = -26; k <= 26; k++) {
      const double angle = 2 * PI * k * (n - lead) / 64;
      re += spectrum[k + 26].re * cos(angle) - spectrum[k + 26].im * sin(angle);
      im += spectrum[k + 26].re * sin(angle) + spectrum[k + 26].im * cos(angle);
    }
    const double window = n == 0 || n == TRAINING - 1 ? 0.5 : 1;
    samples[n].re = (float)(re * window / 64);
    samples[n].im = (float)(im * window / 64);
  }
}

static void preamble(dash_cmplx_flt_type *samples) {
  static const char SHORT[] = "..+...-...+...-...-...+.......-...-...+...+...+...+..";
  static const char LONG[] = "++--++-+-++++++--++-+-++++.+--++-+-+-----++--+-+-++++";
  dash_cmplx_flt_type spectrum[53];
  for (size_t k = 0; k < 53; k++) {
    const double sign = SHORT[k] == '+' ? 1 : SHORT[k] == '-' ? -1 : 0;
    spectrum[k].re = spectrum[k].im = (float)(sign * sqrt(13.0 / 6));
  }
  training(spectrum, 0, samples);
  for (size_t k = 0; k < 53; k++) {
    spectrum[k].re = LONG[k] == '+' ? 1.0f : LONG[k] == '-' ? -1.0f : 0.0f;
    spectrum[k].im = 0;
  }
  training(spectrum, 32, samples + TRAINING);
}

static void write_frame(const dash_cmplx_flt_type *frame) {
  FILE *file = fopen("./output/wifi_tx_output.txt", "w");
  if (file == NULL) {
    return;
  }
  for (size_t i = 0; i < SAMPLES; i++) {
    fprintf(file, "%f %f\n", frame[i].re, frame[i].im);
  }
  fclose(file);
}

int main(void) {
  dash_cmplx_flt_type *frame = complex_zeros(SAMPLES), *carriers = complex_zeros(SYMBOLS * CARRIERS);
  unsigned char bits[SYMBOLS * BITS], coded[CODED];
  for (int count = 0; count < FRAMES; count++) {
    memset(frame, 0, SAMPLES * sizeof(*frame));
    preamble(frame + LEAD);
    frame_bits(bits);
    for (size_t symbol = 0; symbol < SYMBOLS; symbol++) {
      code(bits + symbol * BITS, coded);
      map_carriers(coded, carriers + symbol * CARRIERS);
    }
    transform_rows(carriers, carriers, SYMBOLS, CARRIERS, false);
    for (size_t symbol = 0; symbol < SYMBOLS; symbol++) {
      const dash_cmplx_flt_type *wave = carriers + symbol * CARRIERS;
      dash_cmplx_flt_type *samples = frame + LEAD + PREAMBLE + symbol * (PREFIX + CARRIERS) + PREFIX;
      for (size_t i = 0; i < CARRIERS; i++) {
        samples[i].re = wave[(CARRIERS - i) % CARRIERS].re / CARRIERS;
        samples[i].im = wave[(CARRIERS - i) % CARRIERS].im / CARRIERS;
      }
      memcpy(samples - PREFIX, samples + CARRIERS - PREFIX, PREFIX * sizeof(*samples));
    }
    write_frame(frame);
  }
  free(frame);
  free(carriers);
  return 0;
}
