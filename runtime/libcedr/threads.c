/* The threads of an application, from pthread_create() to pthread_join(). */
#define _GNU_SOURCE
#include "recorder.h"

#include <stdlib.h>
#include <unistd.h>

static pthread_key_t thread_end;
static uint32_t thread_count = 1;

static void find_stack(thread *t) {
  pthread_attr_t attributes;
  void *start;
  size_t size;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    return;
  }
  if (pthread_attr_getstack(&attributes, &start, &size) == 0) {
    t->stack_start = (uintptr_t)start;
    t->stack_end = (uintptr_t)start + size;
  }
  pthread_attr_destroy(&attributes);
}

/* In the thread itself. */
static void begin_thread(thread *t) {
  t->id = cedr_own_id();
  t->handle = pthread_self();
  t->blocks = &cedr_basic_blocks;
  find_stack(t);
  pthread_setspecific(thread_end, t);
  cedr_self = t;
  t->since = cedr_stamp(t);
}

static void *run_thread(void *data) {
  thread *const t = data;
  cedr_inside = true;
  cedr_lock(); /* its creator has written its SPAWN */
  begin_thread(t);
  cedr_unlock();
  return t->routine(t->argument);
}

void cedr_end_thread(thread *t, uint16_t status) {
  if (!t->ended) {
    cedr_put(t, (cedr_event){.kind = CEDR_END, .number = status}, NULL, 0, cedr_stamp(t), -1);
    t->ended = true;
    t->blocked_on = NULL; /* where it was cancelled inside a wait */
  }
}

/* A thread is over, by return, pthread_exit() or cancellation; what its stack held is gone. */
static void on_thread_end(void *data) {
  thread *const t = data;
  cedr_lock();
  if (cedr_recording && cedr_own_process == getpid()) {
    cedr_end_thread(t, 0);
    for (barrier *b = cedr_first_pending, *next; b != NULL; b = next) {
      next = b->next_pending;
      if ((uintptr_t)b->counter >= t->stack_start && (uintptr_t)b->counter < t->stack_end) {
        cedr_begin_anew(b);
      }
    }
  }
  cedr_unlock();
}

int SEEN(pthread_create)(pthread_t *handle, const pthread_attr_t *attributes, void *(*routine)(void *),
                         void *argument) {
  if (!cedr_looked_at()) {
    return REAL(pthread_create)(handle, attributes, routine, argument);
  }
  thread *const creator = cedr_observed();
  const uint64_t until = cedr_stamp(creator);
  thread *const t = cedr_allocate(1, sizeof *t);
  t->routine = routine;
  t->argument = argument;
  cedr_lock();
  t->number = t->record.thread = thread_count;
  const int failure = REAL(pthread_create)(handle, attributes, run_thread, t);
  if (failure == 0) {
    ++thread_count;
    t->handle = *handle;
    t->next = cedr_threads;
    cedr_threads = t;
    cedr_take_block(t);
    if (cedr_current_mode == CEDR_RECORD) {
      cedr_record_thread(&cedr_record_file, &t->record);
    }
    cedr_put(creator, (cedr_event){.kind = CEDR_SPAWN}, &t->number, 1, until, -1);
  } else {
    free(t);
  }
  creator->since = cedr_stamp(creator);
  cedr_unlock();
  return failure;
}

int SEEN(pthread_join)(pthread_t handle, void **result) {
  if (!cedr_looked_at()) {
    return REAL(pthread_join)(handle, result);
  }
  thread *const t = cedr_observed();
  const uint64_t until = cedr_stamp(t);
  cedr_lock();
  thread *joined = cedr_threads;
  while (joined != NULL && (joined->joined || !pthread_equal(joined->handle, handle))) {
    joined = joined->next;
  }
  cedr_unlock();
  const int failure = REAL(pthread_join)(handle, result);
  if (failure == 0 && joined != NULL) {
    cedr_lock();
    joined->joined = true;
    if (cedr_recording) {
      cedr_put(t, (cedr_event){.kind = CEDR_JOIN}, &joined->number, 1, until, -1);
      t->since = cedr_stamp(t);
    }
    cedr_unlock();
  }
  return failure;
}

void cedr_begin_main_thread(void) {
  pthread_key_create(&thread_end, on_thread_end);
  begin_thread(&cedr_main_thread);
}
