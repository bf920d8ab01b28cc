/* What the functions of libcedr have in common in a process: its end by a message, its memory, tables made once. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

static const char *program = "cedr";
static void (*before_failing)(void);

void cedr_set_program(const char *name) {
  program = name;
}

void cedr_before_failing(void (*function)(void)) {
  before_failing = function;
}

_Noreturn void cedr_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fprintf(stderr, "%s: ", program);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  if (before_failing != NULL) {
    before_failing();
  }
  exit(1);
}

void cedr_out_of_range(int64_t index, int64_t size) {
  cedr_fail("index %lld is out of range for a dimension of size %lld", (long long)index, (long long)size);
}

void *cedr_allocate(size_t count, size_t size) {
  void *data = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
  if (data == NULL) {
    cedr_fail("out of memory: %zu elements of %zu bytes", count, size);
  }
  return data;
}

void cedr_release(void *data) {
  free(data);
}

const double *cedr_roots(int stage) {
  static _Atomic(double *) tables[CEDR_FFT_STAGES];
  double *table = atomic_load(&tables[stage]);
  if (table == NULL) {
    double *const made = cedr_make_roots(stage);
    if (atomic_compare_exchange_strong(&tables[stage], &table, made)) {
      return made;
    }
    cedr_release(made);
  }
  return table;
}
