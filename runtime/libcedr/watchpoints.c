/* How a spin is seen for certain: the processor counts how often a thread reads the counters that it may be waiting
 * for. */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

/* A processor has four watchpoints. A thread that has seen what it waits for may read its counter a few times more. */
enum { WATCHPOINTS = 4, READS_OF_A_SPIN = 8, LOOKS_BEFORE_OTHERS = 4 };

typedef struct {
  barrier *b;
  uint32_t generation;
  int event; /* perf's file */
  uint64_t reads; /* up to the last announcement */
} watchpoint;

struct watch {
  uint64_t moves; /* of the thread, when it was begun */
  watchpoint points[WATCHPOINTS];
  size_t count;
  size_t skipped; /* barriers that were watched before these */
  int idle_looks;
  uint64_t begin; /* where the thread's host time stood before the first read */
};

static bool not_allowed;

static int open_event(pid_t id, const uint32_t *counter) {
  struct perf_event_attr wanted = {
      .type = PERF_TYPE_BREAKPOINT,
      .size = sizeof wanted,
      .bp_type = HW_BREAKPOINT_RW,
      .bp_addr = (uintptr_t)counter,
      .bp_len = HW_BREAKPOINT_LEN_4,
      .exclude_kernel = 1,
      .exclude_hv = 1,
  };
  return (int)syscall(SYS_perf_event_open, &wanted, id, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t reads_of(const watchpoint *point) {
  uint64_t count = 0;
  return read(point->event, &count, sizeof count) == (ssize_t)sizeof count ? count : point->reads;
}

void cedr_end_watch(thread *t) {
  for (; t->watch != NULL && t->watch->count > 0; --t->watch->count) {
    close(t->watch->points[t->watch->count - 1].event);
  }
}

static void begin_watch(thread *t) {
  if (t->watch == NULL) {
    t->watch = cedr_allocate(1, sizeof *t->watch);
  }
  struct watch *const watch = t->watch;
  cedr_end_watch(t);
  if (watch->moves != t->moves) {
    watch->moves = t->moves;
    watch->skipped = 0;
  }
  watch->idle_looks = 0;
  watch->begin = cedr_stamp(t);
  barrier *found[WATCHPOINTS];
  uint32_t generations[WATCHPOINTS];
  cedr_lock();
  size_t count = cedr_candidates(t, found, WATCHPOINTS, watch->skipped);
  if (count == 0) {
    watch->skipped = 0;
    count = cedr_candidates(t, found, WATCHPOINTS, 0);
  }
  for (size_t i = 0; i < count; ++i) {
    generations[i] = found[i]->generation;
  }
  cedr_unlock();
  for (size_t i = 0; i < count; ++i) {
    const int event = open_event(t->id, found[i]->counter);
    if (event >= 0) {
      watch->points[watch->count++] = (watchpoint){found[i], generations[i], event, 0};
    } else if (errno != ENOSPC && errno != EMFILE && errno != ESRCH) {
      not_allowed = true;
    }
  }
  watch->skipped += watch->count;
}

cedr_watched cedr_watch(thread *t) {
  if (not_allowed) {
    return CEDR_NOT_WATCHED;
  }
  struct watch *const watch = t->watch;
  if (watch == NULL || watch->moves != t->moves || watch->count == 0 || watch->idle_looks == LOOKS_BEFORE_OTHERS) {
    begin_watch(t);
    return t->watch->count > 0 ? CEDR_WATCHED : CEDR_NOT_WATCHED;
  }
  bool idle = true;
  for (watchpoint *point = watch->points; point < watch->points + watch->count; ++point) {
    const uint64_t reads = reads_of(point) - point->reads;
    idle &= reads == 0;
    if (reads < READS_OF_A_SPIN || t->moves != watch->moves) {
      continue;
    }
    const choice found = {.t = t, .first = point->b, .flags = CEDR_INFERRED};
    if (cedr_announce_from_outside(t, found, point->generation, watch->begin)) {
      point->reads = reads_of(point);
      watch->begin = cedr_stamp(t);
      return CEDR_ANNOUNCED;
    }
  }
  if (idle) {
    ++watch->idle_looks;
    watch->begin = cedr_stamp(t);
  } else {
    watch->idle_looks = 0;
  }
  return CEDR_WATCHED;
}
