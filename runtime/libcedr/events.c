/* Events: each with the host time before it, written to the record or compared with it; the list of a WAIT as it
 * grows. */
#define _GNU_SOURCE
#include "recorder.h"

#include <stdlib.h>

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
  b->progresses[b->progress_count] = (progress){.who = t};
  return &b->progresses[b->progress_count++];
}

static void compare_wait(thread *t, cedr_event wait, const uint32_t *words, size_t count) {
  if (cedr_current_mode == CEDR_EXECUTE) {
    cedr_compare(t, wait, words, (uint32_t)count, words[0]);
  }
}

/* Where there were more calls than were announced, the thread has waited for a number of them, whichever they are. */
void cedr_close_wait(thread *t) {
  barrier *const b = t->waits_for;
  t->waits_for = NULL;
  if (b == NULL) {
    return;
  }
  compare_wait(t, (cedr_event){.kind = CEDR_WAIT, .number = t->wait_flags}, t->wait_tasks, t->wait_count);
  progress *const done = cedr_progress_of(b, t);
  if (t->wait_submitted > done->waited) {
    const uint16_t flags = CEDR_CONTINUED | CEDR_ALTERNATIVES | (b->shared ? CEDR_TENTATIVE : 0);
    const size_t count = t->wait_submitted - done->waited;
    cedr_put_at_once(t, (cedr_event){.kind = CEDR_WAIT, .number = flags}, b->tasks + done->waited, (uint32_t)count, -1);
  } else {
    done->whole = done->waited;
  }
  t->wait_shared = false;
}

void cedr_wait_for(thread *t, barrier *b, size_t count, uint16_t flags, uint64_t until) {
  progress *const done = cedr_progress_of(b, t);
  for (; done->waited < count; ++done->waited) {
    const bool more =
        t->waits_for == b && t->waits_generation == b->generation && (flags & ~t->wait_flags & 0xffff) == 0;
    if (!more) {
      cedr_close_wait(t);
      t->waits_for = b;
      t->waits_generation = b->generation;
      t->wait_flags = flags;
      t->wait_count = 0;
      t->wait_shared = false;
    }
    t->wait_shared |= b->shared;
    t->wait_submitted = (flags & CEDR_TENTATIVE) != 0 ? 0 : b->count;
    const size_t first = more ? done->waited : done->whole;
    const uint32_t *const tasks = b->tasks + first;
    const size_t named = done->waited + 1 - first;
    for (size_t i = 0; cedr_current_mode == CEDR_EXECUTE && i < named; ++i) {
      if (t->wait_count == t->wait_capacity) {
        t->wait_tasks = cedr_grown(t->wait_tasks, &t->wait_capacity, sizeof *t->wait_tasks);
      }
      t->wait_tasks[t->wait_count++] = tasks[i];
    }
    if (cedr_current_mode == CEDR_RECORD && more) {
      cedr_record_wait_more(&cedr_record_file, &t->record, *tasks);
    } else if (cedr_current_mode == CEDR_RECORD) {
      const cedr_event wait = {.kind = CEDR_WAIT, .number = flags, .host_ns = take_host(t, until)};
      cedr_record_event(&cedr_record_file, &t->record, wait, tasks, (uint32_t)named);
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
  cedr_close_wait(t);
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
