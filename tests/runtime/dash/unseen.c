/* Threads whose waits cannot be seen. */
#include <threads.h>

#include "programs.h"

static int calls(void *unused) {
  (void)unused;
  block();
  return 0;
}

static void c11_thread(void) {
  thrd_t handle;
  thrd_create(&handle, calls, NULL);
  thrd_join(handle, NULL);
}

static void openmp(void) {
#pragma omp parallel for
  for (int i = 0; i < 4; ++i) {
    dash_cmplx_flt_type x[POINTS] = {0};
    DASH_FFT_flt(x, x, POINTS, true);
  }
}

static void openmp_elsewhere(void) {
  int sum = 0;
#pragma omp parallel for reduction(+ : sum)
  for (int i = 0; i < 1000; ++i) {
    sum += i;
  }
  block();
  printf("%d\n", sum);
}

static const program programs[] = {
    {"c11_thread", c11_thread}, {"openmp", openmp}, {"openmp_elsewhere", openmp_elsewhere}};

int main(int argc, char **argv) {
  return run_program(argc, argv, programs, sizeof programs / sizeof programs[0]);
}
