/* What the applications share: their text files, and waiting for a batch of non-blocking calls. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dash.h"

static const double PI = 3.14159265358979323846;

/* `count` zeroed elements of `size` bytes; ends the application where there is no memory. */
static inline void *zeros(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) {
    fprintf(stderr, "no memory for %zu elements of %zu bytes\n", count, size);
    exit(1);
  }
  return memory;
}

static inline dash_cmplx_flt_type *complex_zeros(size_t count) {
  return (dash_cmplx_flt_type *)zeros(count, sizeof(dash_cmplx_flt_type));
}

/* Reads up to `most` numbers from a text file; the rest of `numbers` stays as it is. Gives how many there were. */
static inline size_t read_numbers(const char *path, float *numbers, size_t most) {
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  size_t count = 0;
  while (count < most && fscanf(file, "%f", &numbers[count]) == 1) {
    count++;
  }
  if (count < most && !feof(file)) {
    fprintf(stderr, "%s: number %zu is none\n", path, count + 1);
    exit(1);
  }
  fclose(file);
  return count;
}

/* The file to write results to; NULL where there is no folder ./output, which means that none are wanted. */
static inline FILE *output_file(const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL) {
    fprintf(stderr, "%s: not written\n", path);
  }
  return file;
}

static inline dash_cmplx_flt_type product(dash_cmplx_flt_type a, dash_cmplx_flt_type b) {
  dash_cmplx_flt_type result = {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  return result;
}

static inline dash_cmplx_flt_type conjugate(dash_cmplx_flt_type a) {
  dash_cmplx_flt_type result = {a.re, -a.im};
  return result;
}

/* Exchanges the halves of `size` elements: frequency 0 comes to the middle, and back. */
static inline void shift_halves(dash_cmplx_flt_type *numbers, size_t size) {
  for (size_t i = 0; i < size / 2; i++) {
    dash_cmplx_flt_type kept = numbers[i];
    numbers[i] = numbers[i + size / 2];
    numbers[i + size / 2] = kept;
  }
}

#ifdef NON_BLOCKING
/* Calls that are waited for together. `batch_start`, the calls with `&batch->barrier`, `batch_wait` for their number.
 */
typedef struct {
  pthread_cond_t cond;
  pthread_mutex_t mutex;
  uint32_t done;
  cedr_barrier_t barrier;
} batch_t;

static inline void batch_start(batch_t *batch) {
  pthread_cond_init(&batch->cond, NULL);
  pthread_mutex_init(&batch->mutex, NULL);
  batch->done = 0;
  batch->barrier.cond = &batch->cond;
  batch->barrier.mutex = &batch->mutex;
  batch->barrier.completion_ctr = &batch->done;
}

static inline void batch_wait(batch_t *batch, uint32_t count) {
  pthread_mutex_lock(&batch->mutex);
  while (batch->done != count) {
    pthread_cond_wait(&batch->cond, &batch->mutex);
  }
  pthread_mutex_unlock(&batch->mutex);
  pthread_cond_destroy(&batch->cond);
  pthread_mutex_destroy(&batch->mutex);
}
#endif

/* `rows` transforms of `size` points each, of rows that follow each other in memory: one after the other, or as a
 * batch. */
static inline void transform_rows(dash_cmplx_flt_type *from, dash_cmplx_flt_type *to, size_t rows, size_t size,
                                  bool forward) {
#ifdef NON_BLOCKING
  dash_cmplx_flt_type **in = (dash_cmplx_flt_type **)zeros(2 * rows, sizeof(*in)), **out = in + rows;
  batch_t batch;
  batch_start(&batch);
  for (size_t row = 0; row < rows; row++) {
    in[row] = from + row * size;
    out[row] = to + row * size;
    DASH_FFT_flt_nb(&in[row], &out[row], &size, &forward, &batch.barrier);
  }
  batch_wait(&batch, (uint32_t)rows);
  free(in);
#else
  for (size_t row = 0; row < rows; row++) {
    DASH_FFT_flt(from + row * size, to + row * size, size, forward);
  }
#endif
}

#endif
