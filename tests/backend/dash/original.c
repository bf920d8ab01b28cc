/* CEDR's functions with the meanings that UA-RCL/CEDR 96eeda6 gives them, its defects too, for the modules that call them.
 *
 * DASH_VARIANT in the environment: "inline" computes in the call, as the stand-alone library does; "late" keeps non-blocking
 * calls, whose arguments are addresses, for threads that take them in random order, one after the other has had time to
 * overwrite what it should not; "accelerator" computes as the ZCU102's accelerators do. DASH_COUNTS names a file that each
 * call adds a line to.
 *
 * As in CEDR, only a thread that runs an application may call: others end the program, as do lengths that GSL aborts on. */
#define _GNU_SOURCE
#include <complex.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dash.h"

typedef dash_cmplx_flt_type number;

static __thread bool is_application;

void dash_application_thread(void) {
  is_application = true;
}

static bool variant(const char *name) {
  const char *const wanted = getenv("DASH_VARIANT");
  return wanted != NULL && strcmp(wanted, name) == 0;
}

static void enter(const char *name, size_t a, size_t b, size_t c) {
  if (!is_application) {
    fprintf(stderr, "%s from a thread that CEDR does not know\n", name);
    abort();
  }
  const char *const path = getenv("DASH_COUNTS");
  if (path != NULL) {
    FILE *const file = fopen(path, "a");
    fprintf(file, "%s %zu %zu %zu\n", name, a, b, c);
    fclose(file);
  }
}

/* ---- kernels ---- */

static void zip(const number *x, const number *y, number *z, size_t n, zip_op_t op) {
  if (variant("accelerator")) { /* the data are real floats: n of them, or 2n as complex numbers for CMP_MULT */
    const float *const a = (const float *)x;
    const float *const b = (const float *)y;
    float *const c = (float *)z;
    for (size_t i = 0; i < n; ++i) {
      const float re = a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1];
      const float im = a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];
      switch (op) {
        case ADD: c[i] = a[i] + b[i]; break;
        case SUB: c[i] = a[i] - b[i]; break;
        case MULT: c[i] = a[i] * b[i]; break;
        case DIV: c[i] = a[i] / b[i]; break;
        case CMP_MULT: z[i].re = re; z[i].im = im; break;
      }
    }
    return;
  }
  for (size_t i = 0; i < n; ++i) {
    const number a = x[i];
    const number b = y[i];
    switch (op) {
      case ADD: z[i] = (number){a.re + b.re, a.im + b.im}; break;
      case SUB: z[i] = (number){a.re - b.re, a.im - b.im}; break;
      case MULT: z[i] = (number){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; break;
      case DIV: {
        const float scale = b.re * b.re + b.im * b.im;
        z[i] = (number){(a.re * b.re + a.im * b.im) / scale, (a.im * b.re - a.re * b.im) / scale};
        break;
      }
      case CMP_MULT: break; /* nothing, on a CPU */
    }
  }
}

static void fft(const number *x, number *y, size_t n, bool forward) {
  if (variant("accelerator") && (n < 16 || n > 2048)) {
    return; /* silently */
  }
  if (n == 0 || (n & (n - 1)) != 0) {
    fprintf(stderr, "gsl: n is not a power of 2\n");
    abort();
  }
  double complex *const work = malloc(n * sizeof *work);
  for (size_t i = 0, j = 0; i < n; ++i) {
    work[j] = x[i].re + I * x[i].im;
    size_t bit = n >> 1;
    for (; bit > 0 && (j & bit) != 0; bit >>= 1) {
      j ^= bit;
    }
    j |= bit;
  }
  const double sign = forward ? -1 : 1;
  for (size_t half = 1; half < n; half *= 2) {
    for (size_t k = 0; k < half; ++k) {
      const double complex root = cexp(sign * I * acos(-1.0) * (double)k / (double)half);
      for (size_t block = 0; block < n; block += 2 * half) {
        const double complex even = work[block + k];
        const double complex odd = work[block + k + half] * root;
        work[block + k] = even + odd;
        work[block + k + half] = even - odd;
      }
    }
  }
  const double scale = forward ? 1 : 1 / (double)n;
  for (size_t i = 0; i < n; ++i) {
    y[i] = (number){(float)(creal(work[i]) * scale), (float)(cimag(work[i]) * scale)};
  }
  free(work);
}

static void gemm(const number *a, const number *b, number *c, size_t m, size_t k, size_t n) {
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      number sum = {0, 0};
      c[i * n + j] = sum; /* as it goes: what aliases is lost */
      for (size_t l = 0; l < k; ++l) {
        sum.re += a[i * k + l].re * b[l * n + j].re - a[i * k + l].im * b[l * n + j].im;
        sum.im += a[i * k + l].re * b[l * n + j].im + a[i * k + l].im * b[l * n + j].re;
      }
      c[i * n + j] = sum;
    }
  }
}

/* ---- non-blocking calls ---- */

typedef struct {
  enum { ZIP, FFT, GEMM } api;
  void **arguments[3];
  size_t *sizes[3];
  zip_op_t *op;
  bool *forward;
  cedr_barrier_t *barrier;
} task;

static void run(const task *t) {
  number *const a = *(number **)t->arguments[0];
  number *const b = *(number **)t->arguments[1];
  if (t->api == FFT) {
    fft(a, b, *t->sizes[0], *t->forward);
  } else if (t->api == ZIP) {
    zip(a, b, *(number **)t->arguments[2], *t->sizes[0], *t->op);
  } else {
    gemm(a, b, *(number **)t->arguments[2], *t->sizes[0], *t->sizes[1], *t->sizes[2]);
  }
  pthread_mutex_lock(t->barrier->mutex);
  ++*t->barrier->completion_ctr;
  pthread_cond_signal(t->barrier->cond);
  pthread_mutex_unlock(t->barrier->mutex);
}

enum { WORKERS = 3, MOST_TASKS = 100000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_once_t started = PTHREAD_ONCE_INIT;
static task tasks[MOST_TASKS];
static size_t waiting;

static void *work(void *seed) {
  unsigned state = (unsigned)(size_t)seed;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (waiting == 0) {
      pthread_cond_wait(&filled, &lock);
    }
    pthread_mutex_unlock(&lock);
    usleep(200); /* others come in meanwhile */
    pthread_mutex_lock(&lock);
    bool found = waiting > 0;
    task taken = {0};
    if (found) {
      const size_t i = (size_t)rand_r(&state) % waiting;
      taken = tasks[i];
      tasks[i] = tasks[--waiting];
    }
    pthread_mutex_unlock(&lock);
    if (found) {
      run(&taken);
    }
  }
  return NULL;
}

static void start(void) {
  for (size_t i = 0; i < WORKERS; ++i) {
    pthread_t thread;
    pthread_create(&thread, NULL, work, (void *)(i + 1));
    pthread_detach(thread);
  }
}

static void submit(const task *t) {
  if (!variant("late")) {
    run(t);
    return;
  }
  pthread_once(&started, start);
  pthread_mutex_lock(&lock);
  if (waiting == MOST_TASKS) {
    abort();
  }
  tasks[waiting++] = *t;
  pthread_cond_signal(&filled);
  pthread_mutex_unlock(&lock);
}

/* A blocking call is a non-blocking one with a barrier on the stack. */
static void submit_and_wait(task *t) {
  pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  uint32_t done = 0;
  cedr_barrier_t barrier = {&cond, &mutex, &done};
  t->barrier = &barrier;
  submit(t);
  pthread_mutex_lock(&mutex);
  while (done != 1) {
    pthread_cond_wait(&cond, &mutex);
  }
  pthread_mutex_unlock(&mutex);
}

/* ---- the API ---- */

static task zip_task(number **a, number **b, number **c, size_t *n, zip_op_t *op, cedr_barrier_t *barrier) {
  return (task){ZIP, {(void **)a, (void **)b, (void **)c}, {n}, op, NULL, barrier};
}

void DASH_ZIP_flt(number *a, number *b, number *c, size_t n, zip_op_t op) {
  enter("ZIP", n, op, 0);
  task t = zip_task(&a, &b, &c, &n, &op, NULL);
  submit_and_wait(&t);
}

void DASH_ZIP_flt_nb(number **a, number **b, number **c, size_t *n, zip_op_t *op, cedr_barrier_t *barrier) {
  enter("ZIP_nb", *n, *op, 0);
  const task t = zip_task(a, b, c, n, op, barrier);
  submit(&t);
}

static task fft_task(number **x, number **y, size_t *n, bool *forward, cedr_barrier_t *barrier) {
  return (task){FFT, {(void **)x, (void **)y}, {n}, NULL, forward, barrier};
}

void DASH_FFT_flt(number *x, number *y, size_t n, bool forward) {
  enter("FFT", n, forward, 0);
  task t = fft_task(&x, &y, &n, &forward, NULL);
  submit_and_wait(&t);
}

void DASH_FFT_flt_nb(number **x, number **y, size_t *n, bool *forward, cedr_barrier_t *barrier) {
  enter("FFT_nb", *n, *forward, 0);
  const task t = fft_task(x, y, n, forward, barrier);
  submit(&t);
}

static task gemm_task(number **a, number **b, number **c, size_t *m, size_t *k, size_t *n, cedr_barrier_t *barrier) {
  return (task){GEMM, {(void **)a, (void **)b, (void **)c}, {m, k, n}, NULL, NULL, barrier};
}

void DASH_GEMM_flt(number *a, number *b, number *c, size_t m, size_t k, size_t n) {
  enter("GEMM", m, k, n);
  task t = gemm_task(&a, &b, &c, &m, &k, &n, NULL);
  submit_and_wait(&t);
}

void DASH_GEMM_flt_nb(number **a, number **b, number **c, size_t *m, size_t *k, size_t *n, cedr_barrier_t *barrier) {
  enter("GEMM_nb", *m, *k, *n);
  const task t = gemm_task(a, b, c, m, k, n, barrier);
  submit(&t);
}

void DASH_CONV_2D_int(dash_re_int_type *x, int height, int width, float *mask, int size, dash_re_int_type *y) {
  enter("CONV_2D", (size_t)height, (size_t)width, (size_t)size);
  for (int i = 0; i < height; ++i) {
    for (int j = 0; j < width; ++j) {
      float sum = 0;
      for (int k = 0; k < size; ++k) {
        for (int l = 0; l < size; ++l) {
          const int r = i + k - size / 2;
          const int c = j + l - size / 2;
          sum += r < 0 || c < 0 || r >= height || c >= width ? 0 : (float)x[r * width + c] * mask[k * size + l];
        }
      }
      y[i * width + j] = sum > 32767 || sum < -32768 ? 32767 : (short)sum; /* both sides */
    }
  }
}

void DASH_CONV_1D_flt(float *x, int n, float *mask, int size, float *y) {
  enter("CONV_1D", (size_t)n, (size_t)size, 0);
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < size; ++k) {
      const int at = i + k - size / 2;
      y[i] += at < 0 || at > n ? 0 : x[at] * mask[k]; /* accumulates, and reads x[n] */
    }
  }
}
