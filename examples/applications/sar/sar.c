/* Range-Doppler processor of a synthetic aperture radar. 2305 calls: FFT 512 of the range filter; FFT 512, ZIP 512 and
 * inverse FFT 512 for each of 256 rows; FFT 256, ZIP 256 and inverse FFT 256 for each of 512 columns. */
#include "../support.h"

enum { SLOW = 256, FAST = 512 };

static const double SPEED = 150, TRACK = 50, GROUND = 1e4, HALF_SWATH = 500, HEIGHT = 5000; /* m/s, m */
static const double PULSE = 2.5e-6, CHIRP = 2e13, WAVELENGTH = 0.0566, LIGHT = 3e8;         /* s, Hz/s, m, m/s */

/* Each of `rows` rows of `size` times one filter. */
static void multiply_rows(dash_cmplx_flt_type *data, dash_cmplx_flt_type *filter, size_t rows, size_t size) {
#ifdef NON_BLOCKING
  dash_cmplx_flt_type **row = (dash_cmplx_flt_type **)zeros(rows, sizeof(*row));
  zip_op_t op = ZIP_MULT;
  batch_t batch;
  batch_start(&batch);
  for (size_t i = 0; i < rows; i++) {
    row[i] = data + i * size;
    DASH_ZIP_flt_nb(&row[i], &filter, &row[i], &size, &op, &batch.barrier);
  }
  batch_wait(&batch, (uint32_t)rows);
  free(row);
#else
  for (size_t i = 0; i < rows; i++) {
    DASH_ZIP_flt(data + i * size, filter, data + i * size, size, ZIP_MULT);
  }
#endif
}

/* Transform, shift, product with a filter, inverse transform of each row: as batches, or row by row. */
static void compress(dash_cmplx_flt_type *data, dash_cmplx_flt_type *filter, size_t rows, size_t size) {
#ifdef NON_BLOCKING
  const size_t together = rows;
#else
  const size_t together = 1;
#endif
  for (size_t i = 0; i < rows; i += together) {
    dash_cmplx_flt_type *part = data + i * size;
    transform_rows(part, part, together, size, true);
    for (size_t k = 0; k < together; k++) {
      shift_halves(part + k * size, size);
    }
    multiply_rows(part, filter, together, size);
    transform_rows(part, part, together, size, false);
  }
}

int main(void) {
  const double slant = hypot(GROUND, HEIGHT), azimuth_rate = 2 * SPEED * SPEED / WAVELENGTH / slant;
  const double near = hypot(GROUND - HALF_SWATH, HEIGHT), far = hypot(GROUND + HALF_SWATH, HEIGHT);
  const double window = 2 * far / LIGHT + PULSE - 2 * near / LIGHT, duration = TRACK / SPEED;
  dash_cmplx_flt_type *range_filter = complex_zeros(FAST), *azimuth_filter = complex_zeros(SLOW);
  dash_cmplx_flt_type *rows = complex_zeros(SLOW * FAST), *columns = complex_zeros(FAST * SLOW);
  read_numbers("./input/rawdata_rda.txt", &rows[0].re, 2 * SLOW * FAST);

  for (size_t i = 0; i < FAST; i++) {
    const double time = window * (double)i / (FAST - 1);
    if (fabs(time) < PULSE / 2) {
      range_filter[i].re = (float)cos(PI * CHIRP * time * time);
      range_filter[i].im = (float)-sin(PI * CHIRP * time * time);
    }
  }
  for (size_t i = 0; i < SLOW; i++) {
    const double time = duration * (double)i / (SLOW - 1);
    if (fabs(time) < PULSE / 2 * duration / window) {
      azimuth_filter[i].re = (float)cos(PI * azimuth_rate * time * time);
      azimuth_filter[i].im = (float)sin(PI * azimuth_rate * time * time);
    }
  }
  DASH_FFT_flt(range_filter, range_filter, FAST, true);

  compress(rows, range_filter, SLOW, FAST);
  for (size_t i = 0; i < SLOW; i++) {
    for (size_t j = 0; j < FAST; j++) {
      columns[j * SLOW + i] = rows[i * FAST + j];
    }
  }
  compress(columns, azimuth_filter, FAST, SLOW);
  for (size_t j = 0; j < FAST; j++) {
    shift_halves(columns + j * SLOW, SLOW);
  }

  FILE *file = output_file("./output/SAR_output.txt");
  if (file != NULL) {
    for (size_t i = 0; i < SLOW; i++) {
      for (size_t j = 0; j < FAST; j++) {
        const dash_cmplx_flt_type point = columns[j * SLOW + i];
        fprintf(file, "%lf ", sqrt((double)point.re * point.re + (double)point.im * point.im));
      }
      fputc('\n', file);
    }
    fclose(file);
  }
  free(range_filter);
  free(azimuth_filter);
  free(rows);
  free(columns);
  return 0;
}
