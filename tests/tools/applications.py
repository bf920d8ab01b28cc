"""Small C and C++ applications for the tests of what builds, records and runs them."""

TWO_THREADS_C = r"""
#include <dash.h>
#include <stdio.h>
#include <stdlib.h>

/* Each thread transforms a line; then main multiplies the spectra, and has three calls done at once. */
enum { N = 64 };
static dash_cmplx_flt_type line[2][N], spectrum[2][N], product[N], out[3][N];

static void *transform(void *which) {
  const int i = *(int *)which;
  for (int k = 0; k < N; ++k) {
    line[i][k].re = (float)(k == i);
  }
  DASH_FFT_flt(line[i], spectrum[i], N, true);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t threads[2];
  int which[] = {0, 1};
  for (int i = 0; i < 2; ++i) {
    pthread_create(&threads[i], NULL, transform, &which[i]);
  }
  for (int i = 0; i < 2; ++i) {
    pthread_join(threads[i], NULL);
  }
  DASH_ZIP_flt(spectrum[0], spectrum[1], product, N, ZIP_MULT);

  pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  uint32_t done = 0;
  cedr_barrier_t barrier = {&cond, &mutex, &done};
  dash_cmplx_flt_type *ins[3], *outs[3];
  size_t size = N;
  bool forward = false;
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < 3; ++i) {
    ins[i] = product;
    outs[i] = out[i];
    DASH_FFT_flt_nb(&ins[i], &outs[i], &size, &forward, &barrier);
  }
  while (done != 3) {
    pthread_cond_wait(&cond, &mutex);
  }
  pthread_mutex_unlock(&mutex);

  for (int i = 1; i < argc; ++i) {
    printf("argument %s\n", argv[i]);
  }
  FILE *file = fopen("here.txt", "r");
  printf("%s, %.3f %.3f\n", file == NULL ? "no file" : "a file", out[0][0].re, out[2][1].re);
  return 0;
}
"""

CONDITION_VARIABLE_CPP = r"""
#include <dash.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

static std::mutex mutex;
static std::condition_variable condition;
static uint32_t done = 0;

int main() {
  std::vector<dash_cmplx_flt_type> x(32, {1.0f, 0.0f}), y(32), z(32);
  std::thread other([&] { DASH_FFT_flt(x.data(), z.data(), 32, true); });
  dash_cmplx_flt_type *in = x.data(), *out = y.data();
  size_t size = 32;
  bool forward = true;
  cedr_barrier_t barrier{condition.native_handle(), mutex.native_handle(), &done};
  DASH_FFT_flt_nb(&in, &out, &size, &forward, &barrier);
  {
    std::unique_lock<std::mutex> lock(mutex);
    condition.wait(lock, [] { return done == 1; });
  }
  other.join();
  std::printf("%.0f %.0f\n", y[0].re, z[0].re);
}
"""

MISBEHAVES_C = r"""
#include <dash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One good call, then what the first argument says. */
int main(int argc, char **argv) {
  static dash_cmplx_flt_type x[32];
  DASH_FFT_flt(x, x, 32, true);
  const char *const what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "crash") == 0) {
    *(volatile int *)16 = 1;
  } else if (strcmp(what, "exit 0") == 0) {
    exit(0);
  } else if (strcmp(what, "exit 3") == 0) {
    fprintf(stderr, "no more of this\n");
    exit(3);
  } else if (strcmp(what, "_exit") == 0) {
    _exit(0);
  } else if (strcmp(what, "size") == 0) {
    DASH_FFT_flt(x, x, 24, true);
  } else if (strcmp(what, "kernel") == 0) {
    void *p = x;
    enqueue_kernel("DASH_FIR", "flt", 1, p);
  } else if (strcmp(what, "loop") == 0) {
    for (volatile int i = 0;; ++i) {
    }
  } else if (strcmp(what, "unwaited") == 0) {
    static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static uint32_t done;
    static dash_cmplx_flt_type *p = x;
    static size_t size = 32;
    static bool forward = true;
    cedr_barrier_t barrier = {&cond, &mutex, &done};
    DASH_FFT_flt_nb(&p, &p, &size, &forward, &barrier);
  } else if (strcmp(what, "environment") == 0 && getenv("DIFFERENT") != NULL) {
    DASH_FFT_flt(x, x, 32, true);
  }
  return 0;
}
"""
