/* How a wait is seen: the functions of libc by which an application waits or polls, defined here again. */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>

typedef int cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until);

static int plain_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until) {
  (void)clock;
  (void)until;
  return REAL(pthread_cond_wait)(cond, mutex);
}

static int timed_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until) {
  (void)clock;
  return REAL(pthread_cond_timedwait)(cond, mutex, until);
}

static int clock_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until) {
  return REAL(pthread_cond_clockwait)(cond, mutex, clock, until);
}

/* A wait for a condition variable: one call of a barrier of it is announced, and the wait is over, as wake-ups may be
 * without a cause. Where there is none the thread waits in earnest, until a call is made for it or others wake it. */
static int wait_for_condition(pthread_cond_t *cond, pthread_mutex_t *mutex, cond_wait *libc_wait, clockid_t clock,
                              const struct timespec *deadline) {
  if (!cedr_looked_at()) {
    return libc_wait(cond, mutex, clock, deadline);
  }
  const uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
  thread *const t = cedr_observed();
  const uint64_t until = cedr_stamp(t);
  int result = 0;
  cedr_lock();
  t->poll_site = NULL;
  t->seen = NULL;
  const choice found = cedr_choice_of_cond(t, cond, mutex, frame);
  if (found.first != NULL) {
    cedr_announce_to(t, found.first, found.flags, until);
  } else {
    t->blocked_on = cond;
    t->notified = false;
    cedr_unlock();
    result = libc_wait(cond, mutex, clock, deadline);
    cedr_lock();
    t->blocked_on = NULL;
    for (barrier *b = cedr_barriers_of_cond(cond); b != NULL; b = b->next_of_cond) {
      if (b->cond == cond && b->mutex == mutex && cedr_recording) {
        cedr_wait_for(t, b, b->announced, t->notified ? 0 : CEDR_TENTATIVE, until);
      }
    }
  }
  t->since = cedr_stamp(t);
  cedr_unlock();
  return result;
}

int SEEN(pthread_cond_wait)(pthread_cond_t *cond, pthread_mutex_t *mutex) {
  return wait_for_condition(cond, mutex, plain_wait, 0, NULL);
}

int SEEN(pthread_cond_timedwait)(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
  return wait_for_condition(cond, mutex, timed_wait, 0, until);
}

int SEEN(pthread_cond_clockwait)(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                 const struct timespec *until) {
  return wait_for_condition(cond, mutex, clock_wait, clock, until);
}

int SEEN(pthread_cond_destroy)(pthread_cond_t *cond) {
  if (cedr_looked_at()) {
    cedr_lock();
    for (barrier *b = cedr_barriers_of_cond(cond); b != NULL; b = b->next_of_cond) {
      if (b->cond == cond) {
        cedr_begin_anew(b);
      }
    }
    cedr_unlock();
  }
  return REAL(pthread_cond_destroy)(cond);
}

enum { SITES_BEFORE_ANOTHER = 8 };

/* Whether a thread polls: it does again what it did before, at the same place in its code. Between two announcements
 * there has to be a look at the counter, so other places are left out of account, until they are the only ones. */
static bool repeats(thread *t, const void *site, uint64_t until) {
  if (t->poll_site == NULL) {
    t->poll_site = site;
    t->other_sites = 0;
    t->poll_begin = until;
    t->poll_begin_ns = cedr_clock_ns();
    return false;
  }
  if (t->poll_site == site) {
    t->other_sites = 0;
    return true;
  }
  if (++t->other_sites == SITES_BEFORE_ANOTHER) {
    t->poll_site = site;
    t->other_sites = 0;
  }
  return false;
}

/* Nothing is held back that polling at this place could be about. */
static void forget(thread *t, const void *site) {
  if (t->poll_site == site) {
    t->poll_site = NULL;
  }
}

/* A thread has taken a mutex: it may be polling a counter, or look at one that another thread waited for. */
static void took_mutex(pthread_mutex_t *mutex, const void *site, uintptr_t frame, uint64_t until) {
  thread *const t = cedr_self;
  cedr_lock();
  barrier *b = cedr_barriers_of_mutex(mutex);
  while (b != NULL && b->mutex != mutex) {
    b = b->next_of_mutex;
  }
  if (b != NULL && cedr_recording) {
    const choice found = cedr_choice_of_mutex(t, mutex, frame);
    if (found.first == NULL) {
      forget(t, site);
    } else if (repeats(t, site, until)) {
      cedr_announce_to(t, found.first, found.flags, t->poll_begin);
      t->seen = NULL;
      t->poll_begin = t->since = cedr_stamp(t);
    }
    for (; b != NULL && t->seen == NULL; b = b->next_of_mutex) {
      if (b->mutex == mutex && cedr_progress_of(b, t)->waited < b->announced) {
        t->seen = b;
        t->seen_generation = b->generation;
        t->seen_announced = b->announced;
        t->seen_at = until;
      }
    }
  }
  cedr_unlock();
}

int SEEN(pthread_mutex_lock)(pthread_mutex_t *mutex) {
  if (!cedr_looked_at()) {
    return REAL(pthread_mutex_lock)(mutex);
  }
  thread *const t = cedr_observed();
  const uint64_t until = cedr_stamp(t);
  int result = REAL(pthread_mutex_trylock)(mutex);
  if (result == EBUSY) {
    result = REAL(pthread_mutex_lock)(mutex);
    t->since += cedr_stamp(t) - until; /* it has not computed meanwhile */
  }
  if (result == 0) {
    took_mutex(mutex, __builtin_return_address(0), (uintptr_t)__builtin_frame_address(0), until);
  }
  return result;
}

int SEEN(pthread_mutex_trylock)(pthread_mutex_t *mutex) {
  const int result = REAL(pthread_mutex_trylock)(mutex);
  if (result == 0 && cedr_looked_at()) {
    took_mutex(mutex, __builtin_return_address(0), (uintptr_t)__builtin_frame_address(0), cedr_stamp(cedr_observed()));
  }
  return result;
}

/* A thread sleeps or gives way. If it polls it is for a barrier that it has made calls with, or, after a while, for
 * another. Whether a call was announced, and the sleep is over. */
static bool polls(const void *site, uintptr_t frame) {
  thread *const t = cedr_observed();
  const uint64_t until = cedr_stamp(t);
  choice found = {0};
  cedr_lock();
  if (cedr_first_pending == NULL) {
    forget(t, site);
  } else if (repeats(t, site, until)) {
    found = cedr_choice_of_thread(t, true, frame);
    if (found.first == NULL && cedr_clock_ns() - t->poll_begin_ns > CEDR_STILL_NS) {
      found = cedr_choice_of_thread(t, false, frame);
      found.flags |= CEDR_INFERRED;
    }
  }
  const uint32_t generation = found.first == NULL ? 0 : found.first->generation;
  cedr_unlock();
  return found.first != NULL && cedr_announce_from_outside(t, found, generation, t->poll_begin);
}

#define POLLS() (cedr_looked_at() && polls(__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0)))

int SEEN(sched_yield)(void) {
  return POLLS() ? 0 : REAL(sched_yield)();
}

unsigned SEEN(sleep)(unsigned duration_s) {
  return POLLS() ? 0 : REAL(sleep)(duration_s);
}

int SEEN(usleep)(useconds_t duration_us) {
  return POLLS() ? 0 : REAL(usleep)(duration_us);
}

int SEEN(nanosleep)(const struct timespec *duration, struct timespec *left) {
  return POLLS() ? 0 : REAL(nanosleep)(duration, left);
}

int SEEN(clock_nanosleep)(clockid_t clock, int flags, const struct timespec *duration, struct timespec *left) {
  return POLLS() ? 0 : REAL(clock_nanosleep)(clock, flags, duration, left);
}
