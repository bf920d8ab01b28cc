/* Execution: what an application does, compared with its record. */
#define _GNU_SOURCE
#include "recorder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

CEDR_NORETURN void cedr_diverged(const thread *t, int64_t task, const char *what) {
  char which[48] = "";
  if (task >= 0) {
    snprintf(which, sizeof which, ", task %" PRId64, task);
  }
  cedr_fail("%s: the application does not do what was recorded: thread %" PRIu32 ", event %" PRIu64 "%s: %s",
            cedr_record_file.path, t->number, t->record.compared, which, what);
}

static void skip_recorded(thread *t) {
  uint32_t count;
  cedr_recorded_words(&cedr_record_file, &t->record, &count);
}

/* Consumes the next recorded event if it is a WAIT for these tasks, or, of a barrier that several threads make calls
 * with, for as many: whose come first may vary. */
static bool take_wait(thread *t, const uint32_t *words, uint32_t count) {
  cedr_thread_record behind = t->record;
  uint32_t recorded_count;
  const uint32_t *const recorded = cedr_recorded_words(&cedr_record_file, &behind, &recorded_count);
  t->record.buffer = behind.buffer;
  t->record.buffer_capacity = behind.buffer_capacity;
  const bool same =
      recorded_count == count && (t->wait_shared || count == 0 || memcmp(recorded, words, count * sizeof *words) == 0);
  if (same) {
    t->record = behind;
  }
  return same;
}

void cedr_compare(thread *t, cedr_event event, const uint32_t *words, uint32_t count, int64_t task) {
  cedr_event next;
  const bool tentative = event.kind == CEDR_WAIT && (event.number & CEDR_TENTATIVE) != 0;
  while (cedr_recorded_next(&cedr_record_file, &t->record, &next)) {
    const bool may_vary = next.kind == CEDR_WAIT && (next.number & CEDR_TENTATIVE) != 0;
    if (next.kind == CEDR_WAIT && event.kind == CEDR_WAIT && (tentative || may_vary || next.number == event.number) &&
        take_wait(t, words, count)) {
      return;
    }
    if (next.kind != CEDR_HOST && !may_vary) {
      break;
    }
    skip_recorded(t);
  }
  if (tentative) {
    return;
  }
  const char *const different = cedr_record_compare(&cedr_record_file, &t->record, event, words, count);
  if (different != NULL) {
    cedr_diverged(t, task, different);
  }
}
