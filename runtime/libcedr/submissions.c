/* Calls: the ids and classes of tasks, and what becomes of a call when its results are there. */
#define _GNU_SOURCE
#include "recorder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TASK_BLOCK = 1 << 16 };
static uint32_t block_count; /* of task ids */

/* Ids of the main thread go up from 0, those of the others up in blocks that are taken from the top down. */
static uint64_t first_of_blocks(void) {
  return ((uint64_t)1 << 32) - (uint64_t)block_count * TASK_BLOCK;
}

void cedr_take_block(thread *t) {
  ++block_count;
  t->next_task = first_of_blocks();
  t->tasks_left = TASK_BLOCK;
  t->names_task = true;
}

static uint32_t next_task(thread *t) {
  if (t != &cedr_main_thread && t->tasks_left-- == 0) {
    cedr_take_block(t);
    --t->tasks_left;
  }
  if (cedr_main_thread.next_task >= first_of_blocks()) {
    cedr_fail("%s: more tasks than a record has numbers for", cedr_record_file.path);
  }
  return (uint32_t)t->next_task++;
}

typedef struct known_class {
  struct known_class *next;
  const char *label, *attributes;
  int64_t dims[CEDR_MAX_DIMS];
  uint16_t index;
} known_class;

enum { CLASS_BUCKETS = 1024, MOST_CLASSES = 65535 };

static void write_class(char *line, size_t size, const cedr_call_class *call) {
  int used = snprintf(line, size, "{\"api\":\"%s\",\"dtype\":\"%s\",\"dims\":{", call->api, call->dtype);
  for (int32_t i = 0; i < call->dim_count; ++i) {
    used += snprintf(line + used, size - (size_t)used, "%s\"%s\":%" PRId64, i > 0 ? "," : "", call->dim_names[i],
                     call->dims[i]);
  }
  snprintf(line + used, size - (size_t)used, "},\"attributes\":%s,\"label\":\"%s\"}", call->attributes, call->label);
}

/* The place of a class in the record's table, into which it is put when it is met first. */
static uint16_t class_index(const thread *t, const cedr_call_class *call) {
  static known_class *buckets[CLASS_BUCKETS];
  static int32_t count;
  uint64_t hash = cedr_mixed((uintptr_t)call->label, (uintptr_t)call->attributes);
  for (int32_t i = 0; i < call->dim_count; ++i) {
    hash = cedr_mixed(hash, (uint64_t)call->dims[i]);
  }
  known_class **const bucket = &buckets[hash % CLASS_BUCKETS];
  const size_t dims_bytes = (size_t)call->dim_count * sizeof *call->dims;
  for (const known_class *known = *bucket; known != NULL; known = known->next) {
    if (known->label == call->label && known->attributes == call->attributes &&
        memcmp(known->dims, call->dims, dims_bytes) == 0) {
      return known->index;
    }
  }
  char line[1024];
  write_class(line, sizeof line, call);
  int32_t index = count++;
  if (cedr_current_mode == CEDR_EXECUTE) {
    index = cedr_recorded_class(&cedr_record_file, line);
    if (index < 0) {
      cedr_diverged(t, -1, "a call of a class that was not recorded");
    }
  } else if (index == MOST_CLASSES) {
    cedr_fail("%s: more than %d classes of calls", cedr_record_file.path, MOST_CLASSES);
  } else {
    cedr_record_class(&cedr_record_file, line);
  }
  known_class *const known = cedr_allocate(1, sizeof *known);
  *known = (known_class){*bucket, call->label, call->attributes, {0}, (uint16_t)index};
  memcpy(known->dims, call->dims, dims_bytes);
  *bucket = known;
  return known->index;
}

void cedr_call_begin(void) {
  if (atomic_load_explicit(&cedr_recording, memory_order_relaxed) && cedr_self != NULL) {
    atomic_store_explicit(&cedr_self->calling, true, memory_order_relaxed);
    cedr_self->call_begin = cedr_stamp(cedr_observed());
  }
}

/* A call that is no longer, or was never, held back. */
static void complete(const cedr_barrier_t *given) {
  const bool held = cedr_holds(cedr_own_id(), given->mutex);
  if (!held) {
    REAL(pthread_mutex_lock)(given->mutex);
  }
  cedr_lock();
  barrier *const b = cedr_recording ? cedr_find_barrier(given) : NULL;
  if (b != NULL && b->left == *b->counter) {
    ++b->left;
  }
  ++*given->completion_ctr;
  pthread_cond_broadcast(given->cond);
  cedr_unlock();
  if (!held) {
    pthread_mutex_unlock(given->mutex);
  }
}

static bool is_waited_for(const barrier *b) {
  const thread *t = cedr_threads;
  while (t != NULL && (t->blocked_on != b->cond || t->notified)) {
    t = t->next;
  }
  return t != NULL;
}

/* Announces one call of a barrier to the threads that wait for it inside libc. */
static void wake_waiting(const thread *t, barrier *b) {
  pthread_mutex_t *const mutex = b->mutex;
  const bool held = cedr_holds(t->id, mutex);
  if (!held) {
    REAL(pthread_mutex_lock)(mutex);
  }
  cedr_lock();
  if (b->pending && cedr_recording && is_waited_for(b)) {
    cedr_announce(b);
    for (thread *other = cedr_threads; other != NULL; other = other->next) {
      other->notified |= other->blocked_on == b->cond;
    }
  }
  cedr_unlock();
  if (!held) {
    pthread_mutex_unlock(mutex);
  }
}

/* OpenMP's joins and barriers cannot be seen. */
extern int omp_in_parallel(void) __attribute__((weak));

static void check_thread(const char *call) {
  if (cedr_self == NULL || cedr_self->ended) {
    cedr_fail("%s: the thread that calls it was not seen to start, or has ended: only threads of pthread_create (and "
              "of std::thread) are recorded",
              call);
  }
  if (omp_in_parallel != NULL && omp_in_parallel() != 0) {
    cedr_fail("%s: called in a parallel region of OpenMP, whose joins cannot be seen: record it with pthread_create "
              "and pthread_join, or with OMP_NUM_THREADS=1",
              call);
  }
  if (cedr_host_kind == CEDR_HOST_BLOCKS && cedr_self == &cedr_main_thread && cedr_basic_blocks == 0) {
    cedr_fail("CEDR_HOST_TIME=blocks: the application counts no basic blocks: compile it with "
              "-fsanitize-coverage=trace-pc");
  }
}

/* Puts a submission. */
static uint32_t submit(thread *t, uint16_t class_number, cedr_completion done) {
  const uint32_t task = next_task(t);
  cedr_event event = {.kind = done.blocking ? CEDR_BLOCK : CEDR_SUBMIT, .number = class_number};
  const bool named = t->names_task;
  if (named) {
    event.kind = CEDR_SUBMIT_AT;
    event.task = &task;
    t->names_task = false;
  }
  cedr_put(t, event, NULL, 0, t->call_begin, task);
  if (done.blocking && named) {
    cedr_put_at_once(t, (cedr_event){.kind = CEDR_WAIT}, &task, 1, task);
  } else if (!done.blocking && done.barrier == NULL) {
    cedr_put_at_once(t, (cedr_event){.kind = CEDR_DETACHED}, NULL, 0, task);
  }
  return task;
}

uint32_t cedr_submit_join(thread *t, uint64_t until) {
  static const cedr_call_class join = {.label = "join", .api = "join", .dtype = "i1", .attributes = "{}"};
  t->call_begin = until;
  return submit(t, class_index(t, &join), (cedr_completion){.call = join.label});
}

void cedr_call_end(const cedr_call_class *call, cedr_completion done) {
  if (!atomic_load_explicit(&cedr_recording, memory_order_relaxed)) {
    cedr_call_end_uncounted(done);
    return;
  }
  check_thread(done.call);
  thread *const t = cedr_self;
  cedr_lock();
  barrier *const b = done.barrier == NULL ? NULL : cedr_current_barrier(done.barrier);
  cedr_settle(t, b);
  const uint32_t task = submit(t, class_index(t, call), done);
  bool wake = false;
  if (b != NULL) {
    if (b->count == b->capacity) {
      b->tasks = cedr_grown(b->tasks, &b->capacity, sizeof *b->tasks);
    }
    b->tasks[b->count++] = task;
    b->shared |= b->count > 1 && b->submitter != t;
    b->submitter = t;
    cedr_set_pending(b, true);
    wake = is_waited_for(b);
  }
  cedr_unlock();
  if (wake) {
    wake_waiting(t, b);
  }
  atomic_store_explicit(&t->calling, false, memory_order_relaxed);
  t->since = cedr_stamp(t);
}

void cedr_call_end_uncounted(cedr_completion done) {
  if (done.barrier != NULL) {
    complete(done.barrier);
  }
}
