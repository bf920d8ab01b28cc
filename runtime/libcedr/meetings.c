/* Where threads meet: at a pthread_barrier_t or a semaphore. Who comes there submits a task that costs nothing and is over
 * at once; who goes on has waited for those of the others. */
#define _GNU_SOURCE
#include "recorder.h"

#include <stdlib.h>

enum { MEETING_BUCKETS = 256 };
static const uint32_t NOBODY = UINT32_MAX; /* a semaphore's first value, or a thread that is not recorded */

/* One passage of a barrier. */
typedef struct {
  uint32_t *tasks;
  size_t count, capacity;
  size_t inside;
  bool complete; /* one has left it, so all have come */
} passage;

typedef struct meeting {
  struct meeting *next;
  const void *place;
  passage *now;    /* of a barrier */
  uint32_t *posts; /* of a semaphore, in their order; those before `taken` have been waited for */
  size_t taken, count, capacity;
} meeting;

static meeting *meetings[MEETING_BUCKETS];

static meeting *find_meeting(const void *place) {
  meeting *m = meetings[cedr_mixed(0, (uintptr_t)place) % MEETING_BUCKETS];
  while (m != NULL && m->place != place) {
    m = m->next;
  }
  return m;
}

static meeting *meeting_at(const void *place) {
  meeting *m = find_meeting(place);
  if (m == NULL) {
    meeting **const bucket = &meetings[cedr_mixed(0, (uintptr_t)place) % MEETING_BUCKETS];
    m = cedr_allocate(1, sizeof *m);
    m->place = place;
    m->next = *bucket;
    *bucket = m;
  }
  return m;
}

/* ---- barriers of pthread ---- */

static passage *enter(meeting *m, uint32_t task) {
  if (m->now == NULL || m->now->complete) {
    m->now = cedr_allocate(1, sizeof *m->now);
  }
  passage *const p = m->now;
  if (p->count == p->capacity) {
    p->tasks = cedr_grown(p->tasks, &p->capacity, sizeof *p->tasks);
  }
  p->tasks[p->count++] = task;
  ++p->inside;
  return p;
}

/* Its list names the others' tasks, in the order of their ids. */
static void leave(meeting *m, passage *p, thread *t, uint32_t own, uint64_t until) {
  p->complete = true;
  uint32_t *const others = cedr_allocate(p->count, sizeof *others);
  uint32_t count = 0;
  for (size_t i = 0; i < p->count; ++i) {
    if (p->tasks[i] != own) {
      uint32_t at = count++;
      for (; at > 0 && others[at - 1] > p->tasks[i]; --at) {
        others[at] = others[at - 1];
      }
      others[at] = p->tasks[i];
    }
  }
  if (cedr_recording && count > 0) {
    cedr_put_meeting(t, others, count, until);
  }
  cedr_release(others);
  if (--p->inside == 0) {
    m->now = m->now == p ? NULL : m->now;
    free(p->tasks);
    cedr_release(p);
  }
}

int SEEN(pthread_barrier_wait)(pthread_barrier_t *place) {
  if (!cedr_looked_at()) {
    return REAL(pthread_barrier_wait)(place);
  }
  thread *const t = cedr_observed();
  const uint64_t until = cedr_stamp(t);
  cedr_lock();
  meeting *const m = meeting_at(place);
  const uint32_t own = cedr_submit_join(t, until);
  passage *const p = enter(m, own);
  cedr_unlock();
  const int result = REAL(pthread_barrier_wait)(place);
  cedr_lock();
  leave(m, p, t, own, t->since);
  t->since = cedr_stamp(t);
  cedr_unlock();
  return result;
}

/* ---- semaphores ---- */

static void add_post(meeting *m, uint32_t task) {
  if (m->count == m->capacity) {
    m->posts = cedr_grown(m->posts, &m->capacity, sizeof *m->posts);
  }
  m->posts[m->count++] = task;
}

static void begin_semaphore(meeting *m, unsigned value) {
  m->taken = m->count = 0;
  while (value-- > 0) {
    add_post(m, NOBODY);
  }
}

static meeting *semaphore_at(sem_t *place) {
  meeting *m = find_meeting(place);
  if (m == NULL) {
    int value = 0;
    sem_getvalue(place, &value);
    m = meeting_at(place);
    begin_semaphore(m, (unsigned)value);
  }
  return m;
}

int SEEN(sem_init)(sem_t *place, int shared, unsigned value) {
  const int result = REAL(sem_init)(place, shared, value);
  if (result == 0 && cedr_looked_at()) {
    cedr_lock();
    begin_semaphore(meeting_at(place), value);
    cedr_unlock();
  }
  return result;
}

int SEEN(sem_post)(sem_t *place) {
  if (cedr_looked_at()) {
    thread *const t = cedr_observed();
    const uint64_t until = cedr_stamp(t);
    cedr_lock();
    add_post(semaphore_at(place), cedr_submit_join(t, until));
    t->since = cedr_stamp(t);
    cedr_unlock();
  }
  return REAL(sem_post)(place);
}

typedef int semaphore_wait(sem_t *place, clockid_t clock, const struct timespec *until);

static int plain_wait(sem_t *place, clockid_t clock, const struct timespec *until) {
  (void)clock;
  (void)until;
  return REAL(sem_wait)(place);
}

static int try_wait(sem_t *place, clockid_t clock, const struct timespec *until) {
  (void)clock;
  (void)until;
  return REAL(sem_trywait)(place);
}

static int timed_wait(sem_t *place, clockid_t clock, const struct timespec *until) {
  (void)clock;
  return REAL(sem_timedwait)(place, until);
}

static int clock_wait(sem_t *place, clockid_t clock, const struct timespec *until) {
  return REAL(sem_clockwait)(place, clock, until);
}

/* The nth that passes a semaphore has waited for the nth post. */
static int pass(sem_t *place, semaphore_wait *libc_wait, clockid_t clock, const struct timespec *deadline) {
  if (!cedr_looked_at()) {
    return libc_wait(place, clock, deadline);
  }
  thread *const t = cedr_observed();
  const uint64_t until = cedr_stamp(t);
  cedr_lock();
  meeting *const m = semaphore_at(place);
  cedr_unlock();
  const int result = libc_wait(place, clock, deadline);
  if (libc_wait != try_wait) {
    t->since += cedr_stamp(t) - until; /* it has not computed meanwhile */
  }
  if (result == 0) {
    cedr_lock();
    const uint32_t task = m->taken < m->count ? m->posts[m->taken++] : NOBODY;
    if (cedr_recording && task != NOBODY) {
      cedr_put_meeting(t, &task, 1, cedr_stamp(t));
    }
    cedr_unlock();
  }
  return result;
}

int SEEN(sem_wait)(sem_t *place) {
  return pass(place, plain_wait, 0, NULL);
}

int SEEN(sem_trywait)(sem_t *place) {
  return pass(place, try_wait, 0, NULL);
}

int SEEN(sem_timedwait)(sem_t *place, const struct timespec *until) {
  return pass(place, timed_wait, 0, until);
}

int SEEN(sem_clockwait)(sem_t *place, clockid_t clock, const struct timespec *until) {
  return pass(place, clock_wait, clock, until);
}
