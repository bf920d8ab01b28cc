/* Pulse Doppler radar: a target's range and speed. 512 calls: FFT 128 twice and inverse FFT 128 for each of 128 pulses,
 * then FFT 128 for each of 128 ranges. -DWRITE_MAP writes the map of magnitudes too. */
#include "../support.h"

enum { PULSES = 128, SAMPLES = 64, LENGTH = 2 * SAMPLES };

static const double INTERVAL_S = 1.27e-4;

/* The spectra of an echo and of the pulse: neither waits for the other. */
static void spectra(dash_cmplx_flt_type *echo, dash_cmplx_flt_type *pulse) {
#ifdef NON_BLOCKING
  size_t length = LENGTH;
  bool forward = true;
  batch_t batch;
  batch_start(&batch);
  DASH_FFT_flt_nb(&echo, &echo, &length, &forward, &batch.barrier);
  DASH_FFT_flt_nb(&pulse, &pulse, &length, &forward, &batch.barrier);
  batch_wait(&batch, 2);
#else
  DASH_FFT_flt(echo, echo, LENGTH, true);
  DASH_FFT_flt(pulse, pulse, LENGTH, true);
#endif
}

/* The echo of each pulse, [PULSES][SAMPLES]. Where the file ends, a pulse keeps of the one before it what is missing,
 * and so do all that follow. */
static dash_cmplx_flt_type *read_echoes(const char *path) {
  const size_t row = SAMPLES * sizeof(dash_cmplx_flt_type);
  dash_cmplx_flt_type *echoes = complex_zeros(PULSES * SAMPLES);
  const size_t numbers = read_numbers(path, &echoes[0].re, 2 * PULSES * SAMPLES);
  for (size_t i = numbers; i < 2 * PULSES * SAMPLES; i++) {
    if (i >= 2 * SAMPLES) {
      memcpy(&echoes[0].re + i, &echoes[0].re + i - row / sizeof(float), sizeof(float));
    }
  }
  return echoes;
}

int main(void) {
  dash_cmplx_flt_type *sent = complex_zeros(SAMPLES), *pulse = complex_zeros(LENGTH);
  dash_cmplx_flt_type *ranges = complex_zeros(PULSES * LENGTH), *speeds = complex_zeros(LENGTH * PULSES);
  float *map = (float *)zeros(LENGTH * PULSES, sizeof(float));
  read_numbers("./input/input_pd_pulse.txt", &sent[0].re, 2 * SAMPLES);
  dash_cmplx_flt_type *echoes = read_echoes("./input/input_pd_ps.txt");

  for (size_t k = 0; k < PULSES; k++) {
    dash_cmplx_flt_type *range = ranges + k * LENGTH;
    memcpy(range + SAMPLES - 1, echoes + k * SAMPLES, SAMPLES * sizeof(*range));
    memset(pulse, 0, LENGTH * sizeof(*pulse));
    memcpy(pulse, sent, SAMPLES * sizeof(*pulse));
    spectra(range, pulse);
    for (size_t i = 0; i < LENGTH; i++) {
      range[i] = product(range[i], conjugate(pulse[i]));
    }
    transform_rows(range, range, 1, LENGTH, false);
  }
  for (size_t x = 0; x < LENGTH; x++) {
    for (size_t k = 0; k < PULSES; k++) {
      speeds[x * PULSES + k] = ranges[k * LENGTH + x];
    }
  }
  transform_rows(speeds, speeds, LENGTH, PULSES, true);

  float most = 0;
  size_t range_bin = 0, speed_bin = 0;
  for (size_t x = 0; x < LENGTH; x++) {
    shift_halves(speeds + x * PULSES, PULSES);
    for (size_t z = 0; z < PULSES; z++) {
      const dash_cmplx_flt_type number = speeds[x * PULSES + z];
      const float magnitude = sqrtf(number.re * number.re + number.im * number.im);
      map[x * PULSES + z] = magnitude;
      if (magnitude > most) {
        most = magnitude;
        range_bin = x + 1;
        speed_bin = z + 1;
      }
    }
  }
  const double shift_hz = ((double)speed_bin - 64) / (PULSES - 1) / INTERVAL_S;
  const double delay_s = ((double)range_bin - 64) / (SAMPLES - 1) * INTERVAL_S;
  printf("Doppler shift = %f, time delay = %f\n", shift_hz, delay_s);
  FILE *file = output_file("./output/pulse_doppler_output.txt");
  if (file != NULL) {
    fprintf(file, "Doppler shift = %f, time delay = %f\n", shift_hz, delay_s);
    fclose(file);
  }
#ifdef WRITE_MAP
  file = output_file("./output/pulse_doppler_map.txt");
  if (file != NULL) {
    for (size_t i = 0; i < LENGTH * PULSES; i++) {
      fprintf(file, "%.9g\n", map[i]);
    }
    fclose(file);
  }
#endif
  free(sent);
  free(pulse);
  free(ranges);
  free(speeds);
  free(map);
  free(echoes);
  return 0;
}
