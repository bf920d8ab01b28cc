/* Barriers: the calls made with each, how many of them are announced, and which a thread may be waiting for. */
#define _GNU_SOURCE
#include "recorder.h"

enum { BARRIER_BUCKETS = 4096 };
static barrier *by_counter[BARRIER_BUCKETS], *by_cond[BARRIER_BUCKETS], *by_mutex[BARRIER_BUCKETS];
barrier *cedr_first_pending;
static barrier *pending_last;

static barrier **bucket_of(barrier **table, const void *address) {
  return &table[cedr_mixed(0, (uintptr_t)address) % BARRIER_BUCKETS];
}

void cedr_set_pending(barrier *b, bool pending) {
  if (b->pending == pending) {
    return;
  }
  static uint64_t number;
  b->pending = pending;
  if (pending) {
    b->pending_number = ++number;
    b->previous_pending = pending_last;
    b->next_pending = NULL;
    *(pending_last == NULL ? &cedr_first_pending : &pending_last->next_pending) = b;
    pending_last = b;
  } else {
    *(b->previous_pending == NULL ? &cedr_first_pending : &b->previous_pending->next_pending) = b->next_pending;
    *(b->next_pending == NULL ? &pending_last : &b->next_pending->previous_pending) = b->previous_pending;
  }
}

void cedr_begin_anew(barrier *b) {
  for (thread *t = cedr_threads; cedr_recording && t != NULL; t = t->next) {
    if (t->waits_for == b) {
      cedr_close_wait(t);
    }
  }
  cedr_set_pending(b, false);
  ++b->generation;
  b->count = b->announced = 0;
  b->progress_count = 0;
  b->shared = false;
}

static void link_mutex(barrier *b, pthread_mutex_t *mutex) {
  b->mutex = mutex;
  barrier **const bucket = bucket_of(by_mutex, mutex);
  b->next_of_mutex = *bucket;
  *bucket = b;
}

static void unlink_mutex(barrier *b) {
  barrier **place = bucket_of(by_mutex, b->mutex);
  while (*place != b) {
    place = &(*place)->next_of_mutex;
  }
  *place = b->next_of_mutex;
}

barrier *cedr_find_barrier(const cedr_barrier_t *given) {
  barrier *b = *bucket_of(by_counter, given->completion_ctr);
  while (b != NULL && (b->counter != given->completion_ctr || b->cond != given->cond)) {
    b = b->next_of_counter;
  }
  return b;
}

barrier *cedr_barriers_of_cond(const pthread_cond_t *cond) {
  return *bucket_of(by_cond, cond);
}

barrier *cedr_barriers_of_mutex(const pthread_mutex_t *mutex) {
  return *bucket_of(by_mutex, mutex);
}

barrier *cedr_current_barrier(const cedr_barrier_t *given) {
  barrier *b = cedr_find_barrier(given);
  if (b == NULL) {
    b = cedr_allocate(1, sizeof *b);
    b->counter = given->completion_ctr;
    b->cond = given->cond;
    barrier **const of_counter = bucket_of(by_counter, b->counter);
    barrier **const of_cond = bucket_of(by_cond, b->cond);
    b->next_of_counter = *of_counter;
    b->next_of_cond = *of_cond;
    *of_counter = *of_cond = b;
    link_mutex(b, given->mutex);
    b->left = *b->counter;
  } else if (b->mutex != given->mutex || *b->counter != b->left) {
    cedr_begin_anew(b);
    unlink_mutex(b);
    link_mutex(b, given->mutex);
    b->left = *b->counter;
  }
  return b;
}

bool cedr_alive(barrier *b, const thread *t, uintptr_t frame) {
  const uintptr_t counter = (uintptr_t)b->counter;
  const bool left = frame != 0 && counter >= t->stack_start && counter < t->stack_end && counter < frame;
  if (left || *b->counter != b->left) {
    cedr_begin_anew(b);
    return false;
  }
  return true;
}

void cedr_announce(barrier *b) {
  ++*b->counter;
  ++b->left;
  ++b->announced;
  if (b->announced == b->count) {
    cedr_set_pending(b, false);
  }
  pthread_cond_broadcast(b->cond);
}

static void consider(choice *found, barrier *b) {
  if (!b->pending || !cedr_alive(b, found->t, found->frame)) {
    return;
  }
  if (found->first != NULL) {
    found->flags |= CEDR_AMBIGUOUS;
  }
  if (found->first == NULL || b->pending_number < found->first->pending_number) {
    found->first = b;
  }
}

choice cedr_choice_of_cond(thread *t, const pthread_cond_t *cond, const pthread_mutex_t *mutex, uintptr_t frame) {
  choice found = {.t = t, .frame = frame};
  for (barrier *b = cedr_barriers_of_cond(cond); b != NULL; b = b->next_of_cond) {
    if (b->cond == cond && b->mutex == mutex) {
      consider(&found, b);
    }
  }
  return found;
}

choice cedr_choice_of_mutex(thread *t, const pthread_mutex_t *mutex, uintptr_t frame) {
  choice found = {.t = t, .frame = frame};
  for (barrier *b = cedr_barriers_of_mutex(mutex); b != NULL; b = b->next_of_mutex) {
    if (b->mutex == mutex) {
      consider(&found, b);
    }
  }
  return found;
}

choice cedr_choice_of_thread(thread *t, bool own, uintptr_t frame) {
  choice found = {.t = t, .frame = frame};
  for (barrier *b = cedr_first_pending, *next; b != NULL; b = next) {
    next = b->next_pending;
    if (!own || b->submitter == t) {
      consider(&found, b);
    }
  }
  return found;
}

size_t cedr_candidates(thread *t, barrier *found[], size_t most, size_t skipped) {
  size_t count = 0;
  for (int own = 1; own >= 0; --own) {
    for (barrier *b = cedr_first_pending, *next; b != NULL && count < skipped + most; b = next) {
      next = b->next_pending;
      if ((b->submitter == t) == own && cedr_alive(b, t, 0) && ++count > skipped) {
        found[count - skipped - 1] = b;
      }
    }
  }
  return count > skipped ? count - skipped : 0;
}

void cedr_announce_to(thread *t, barrier *b, uint16_t flags, uint64_t until) {
  cedr_announce(b);
  cedr_wait_for(t, b, b->announced, flags, until);
  t->spins = NULL;
}

bool cedr_announce_from_outside(thread *t, choice found, uint32_t generation, uint64_t until) {
  barrier *const b = found.first;
  pthread_mutex_t *const mutex = b->mutex;
  const bool held = cedr_holds(t->id, mutex);
  if (!held) {
    cedr_inside = true;
    REAL(pthread_mutex_lock)(mutex);
  }
  cedr_lock();
  const bool there = b->pending && b->generation == generation && cedr_recording;
  if (there) {
    cedr_announce_to(t, b, found.flags, until);
    t->poll_begin = t->since = cedr_stamp(t);
  }
  cedr_unlock();
  if (!held) {
    pthread_mutex_unlock(mutex);
  }
  return there;
}
