/* Radar correlator: how late is the echo of a chirp? 3 calls: FFT 512, FFT 512, inverse FFT 512. */
#include "../support.h"

enum { SAMPLES = 256, LENGTH = 2 * SAMPLES, HEARD = 129 };

static const double CHIRP_HZ_PER_S = 500000 / 0.000512;

/* The spectra of the reference and of the echo: neither waits for the other. */
static void spectra(dash_cmplx_flt_type *reference, dash_cmplx_flt_type *echo) {
#ifdef NON_BLOCKING
  size_t length = LENGTH;
  bool forward = true;
  batch_t batch;
  batch_start(&batch);
  DASH_FFT_flt_nb(&reference, &reference, &length, &forward, &batch.barrier);
  DASH_FFT_flt_nb(&echo, &echo, &length, &forward, &batch.barrier);
  batch_wait(&batch, 2);
#else
  DASH_FFT_flt(reference, reference, LENGTH, true);
  DASH_FFT_flt(echo, echo, LENGTH, true);
#endif
}

int main(void) {
  float *time = (float *)zeros(SAMPLES, sizeof(float));
  dash_cmplx_flt_type *received = complex_zeros(SAMPLES);
  dash_cmplx_flt_type *reference = complex_zeros(LENGTH), *echo = complex_zeros(LENGTH);
  read_numbers("./input/time_input.txt", time, SAMPLES);
  read_numbers("./input/received_input.txt", &received[0].re, 2 * SAMPLES);

  for (size_t i = 0; i < SAMPLES; i++) {
    double phase = PI * CHIRP_HZ_PER_S * time[i] * time[i];
    reference[SAMPLES + i].re = (float)sin(phase);
    reference[SAMPLES + i].im = (float)cos(phase);
  }
  memcpy(echo, received, HEARD * sizeof(*echo));
  spectra(reference, echo);
  for (size_t i = 0; i < LENGTH; i++) {
    reference[i] = product(reference[i], conjugate(echo[i]));
  }
  transform_rows(reference, reference, 1, LENGTH, false);

  size_t peak = 0;
  for (size_t i = 1; i < LENGTH; i++) {
    if (reference[i].re > reference[peak].re) {
      peak = i;
    }
  }
  printf("lag %f\n", ((double)SAMPLES - (double)peak) / 1000);

  FILE *file = output_file("./output/radar_correlator_output.txt");
  if (file != NULL) {
    for (size_t i = 0; i < LENGTH; i++) {
      fprintf(file, "%.9g %.9g\n", reference[i].re, reference[i].im);
    }
    fclose(file);
  }
  free(time);
  free(received);
  free(reference);
  free(echo);
  return 0;
}
