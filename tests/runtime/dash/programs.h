/* Small applications, several in one executable: `EXECUTABLE NAME` runs one. C and C++. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <dash.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POINTS = 16 };

static dash_cmplx_flt_type signal_in[POINTS], signal_out[POINTS];
static dash_cmplx_flt_type *input = signal_in, *output = signal_out;
static size_t size = POINTS;
static bool forward = true;

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* A call that blocks. */
static inline void block(void) {
  DASH_FFT_flt(input, output, POINTS, true);
}

/* Calls that do not. */
static inline void submit(int calls, cedr_barrier_t *barrier) {
  for (int i = 0; i < calls; ++i) {
    DASH_FFT_flt_nb(&input, &output, &size, &forward, barrier);
  }
}

/* The counter as it stands in memory. */
static inline uint32_t look(const uint32_t *counter) {
  return *(const volatile uint32_t *)counter;
}

static inline void wait_until(uint32_t *counter, uint32_t calls) {
  pthread_mutex_lock(&mutex);
  while (*counter != calls) {
    pthread_cond_wait(&cond, &mutex);
  }
  pthread_mutex_unlock(&mutex);
}

static inline void compute_ms(int duration_ms) {
  struct timespec begin, now;
  volatile double sum = 0;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    for (int i = 0; i < 10000; ++i) {
      sum += i * 0.5;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < duration_ms);
}

/* Something that takes a while without calling a function, and is no loop on a counter. */
static inline unsigned work(unsigned rounds) {
  unsigned state = 1;
  for (unsigned i = 0; i < rounds; ++i) {
    state = state * 1664525u + 1013904223u + (state >> 7);
  }
  return state;
}

typedef struct {
  const char *name;
  void (*run)(void);
} program;

static inline int run_program(int argc, char **argv, const program *programs, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (argc == 2 && strcmp(argv[1], programs[i].name) == 0) {
      programs[i].run();
      return 0;
    }
  }
  fprintf(stderr, "no program '%s'\n", argc > 1 ? argv[1] : "");
  return 2;
}

#endif
