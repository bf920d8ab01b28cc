/* Events: each with the host time before it, written to the record or compared with it; the list of a WAIT as it
 * grows. */
#define _GNU_SOURCE
#include "recorder.h"

#include <stdlib.h>

/* The list of the thread's last WAIT is whole. */
static void close_wait(thread *t) {
  if (t->waits_for != NULL && cedr_current_mode == CEDR_EXECUTE) {
    const cedr_event wait = {.kind = CEDR_WAIT, .number = t->wait_flags};
    cedr_compare(t, wait, t->wait_tasks, (uint32_t)t->wait_count, t->wait_tasks[0]);
    t->wait_shared = false;
  }
  t->waits_for = NULL;
}

/* Host time up to `until`, as it fits an event; more of it becomes an event of its own. */
static uint32_t take_host(thread *t, uint64_t until) {
  const uint64_t ns = cedr_host_between(t->since, until);
  t->since = until;
  if (ns <= UINT32_MAX) {
    return (uint32_t)ns;
  }
  if (cedr_current_mode == CEDR_RECORD) {
    const uint32_t words[] = {(uint32_t)ns, (uint32_t)(ns >> 32)};
    cedr_record_event(&cedr_record_file, &t->record, (cedr_event){.kind = CEDR_HOST}, words, 2);
  }
  return 0;
}

void *cedr_grown(void *array, size_t *capacity, size_t element_bytes) {
  *capacity = *capacity == 0 ? 16 : 2 * *capacity;
  void *const larger = realloc(array, *capacity * element_bytes);
  if (larger == NULL) {
    cedr_fail("out of memory: %zu calls of one barrier", *capacity);
  }
  return larger;
}

progress *cedr_progress_of(barrier *b, thread *t) {
  for (size_t i = 0; i < b->progress_count; ++i) {
    if (b->progresses[i].who == t) {
      return &b->progresses[i];
    }
  }
  b->progresses = realloc(b->progresses, (b->progress_count + 1) * sizeof *b->progresses);
  if (b->progresses == NULL) {
    cedr_fail("out of memory: %zu threads at one barrier", b->progress_count);
  }
  b->progresses[b->progress_count] = (progress){t, 0};
  return &b->progresses[b->progress_count++];
}

void cedr_wait_for(thread *t, barrier *b, size_t count, uint16_t flags, uint64_t until) {
  progress *const done = cedr_progress_of(b, t);
  for (; done->waited < count; ++done->waited) {
    const uint32_t task = b->tasks[done->waited];
    const bool more =
        t->waits_for == b && t->waits_generation == b->generation && (flags & ~t->wait_flags & 0xffff) == 0;
    if (!more) {
      close_wait(t);
      t->waits_for = b;
      t->waits_generation = b->generation;
      t->wait_flags = flags;
      t->wait_count = 0;
      t->wait_shared = false;
    }
    t->wait_shared |= b->shared;
    if (cedr_current_mode == CEDR_EXECUTE) {
      if (t->wait_count == t->wait_capacity) {
        t->wait_tasks = cedr_grown(t->wait_tasks, &t->wait_capacity, sizeof *t->wait_tasks);
      }
      t->wait_tasks[t->wait_count++] = task;
    } else if (more) {
      cedr_record_wait_more(&cedr_record_file, &t->record, task);
    } else {
      const cedr_event wait = {.kind = CEDR_WAIT, .number = flags, .host_ns = take_host(t, until)};
      cedr_record_event(&cedr_record_file, &t->record, wait, &task, 1);
    }
  }
}

void cedr_settle(thread *t, const barrier *submits_to) {
  barrier *const b = t->seen;
  t->seen = NULL;
  if (b != NULL && b != submits_to && b->generation == t->seen_generation) {
    cedr_wait_for(t, b, t->seen_announced, CEDR_TENTATIVE, t->seen_at);
  }
}

void cedr_put_at_once(thread *t, cedr_event event, const uint32_t *words, uint32_t count, int64_t task) {
  if (cedr_current_mode == CEDR_EXECUTE) {
    cedr_compare(t, event, words, count, task);
  } else {
    cedr_record_event(&cedr_record_file, &t->record, event, words, count);
  }
}

/* A thread's next event begins behind host time up to `until`. */
static uint32_t begin_event(thread *t, uint64_t until) {
  cedr_settle(t, NULL);
  close_wait(t);
  t->poll_site = NULL;
  t->spins = NULL;
  return take_host(t, until);
}

void cedr_put(thread *t, cedr_event event, const uint32_t *words, uint32_t count, uint64_t until, int64_t task) {
  event.host_ns = begin_event(t, until);
  cedr_put_at_once(t, event, words, count, task);
}

void cedr_put_meeting(thread *t, const uint32_t *tasks, uint32_t count, uint64_t until) {
  const cedr_event wait = {.kind = CEDR_WAIT, .host_ns = begin_event(t, until)};
  t->wait_shared = true;
  cedr_put_at_once(t, wait, tasks, count, tasks[0]);
  t->wait_shared = false;
}
