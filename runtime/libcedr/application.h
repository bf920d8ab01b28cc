/* What the functions of dash.h tell about each call, and what becomes of it: submissions.c. Not for applications. */
#ifndef CEDR_APPLICATION_H
#define CEDR_APPLICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "dash_types.h"

/* What a record says of a call: docs/record.md, cedr/target/api.py. The texts are constants: their addresses are
 * compared. */
typedef struct {
  const char *label; /* the function's name */
  const char *api;
  const char *dtype;
  const char *attributes; /* a JSON object */
  int32_t dim_count;
  const char *const *dim_names;
  const int64_t *dims;
} cedr_call_class;

/* How a call ends: blocking calls have no barrier, others may have one. */
typedef struct {
  const char *call; /* the function that the application called */
  bool blocking;
  cedr_barrier_t *barrier;
} cedr_completion;

/* The application's code ends here, a call begins. */
void cedr_call_begin(void);

/* A call's results are there. The counter of its barrier goes up: now, or when recording, once the application is seen
 * to wait for it. */
void cedr_call_end(const cedr_call_class *call, cedr_completion completion);

/* The same for a call that is no task. */
void cedr_call_end_uncounted(cedr_completion completion);

#endif
