/* What the parts of the recorder share, which sees what an application does and records it, or compares it with a
 * record. application.c says how it works; then each part, a file of its own:
 *
 *   application.c   the process: its start, its modes, its end, fork()
 *   submissions.c   calls: the tasks that they become, and their counters
 *   waits.c         the functions of libc that show a wait
 *   spins.c         a wait that calls no function: the thread that looks for it, and what a spin looks like
 *   watchpoints.c   the same, by the reads of counters, where the system lets it count them
 *   threads.c       pthread_create() and pthread_join()
 *   meetings.c      barriers of pthread and semaphores, at which threads wait for each other
 *   barriers.c      which calls are held back, and which of them a thread may be waiting for
 *   events.c        what is put into the record
 *   execute.c       what is compared with one
 *   recorder.c      the state that all share, its lock, host time
 */
#ifndef CEDR_RECORDER_H
#define CEDR_RECORDER_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "application.h"
#include "internal.h"
#include "record.h"

/* ---- the functions of libc that show a wait ---- */

#define CEDR_SEEN(X)                                                                               \
  X(pthread_cond_wait) X(pthread_cond_timedwait) X(pthread_cond_clockwait) X(pthread_cond_destroy) \
  X(pthread_mutex_lock) X(pthread_mutex_trylock) X(pthread_create) X(pthread_join) X(sched_yield)  \
  X(sleep) X(usleep) X(nanosleep) X(clock_nanosleep) X(pthread_barrier_wait) X(sem_init)           \
  X(sem_post) X(sem_wait) X(sem_trywait) X(sem_timedwait) X(sem_clockwait)

/* SEEN(name): the function as it is defined here. REAL(name): libc's own. */
#ifdef CEDR_WRAP
#define SEEN(name) __wrap_##name
#define REAL(name) __real_##name
#define X(name) extern __typeof__(name) __real_##name, __wrap_##name;
CEDR_SEEN(X)
#undef X
#else
#define SEEN(name) name
#define REAL(name) (*(cedr_libc.name != NULL ? cedr_libc.name : (cedr_find_libc(), cedr_libc.name)))
#define X(name) __typeof__(name) *name;
extern struct cedr_libc {
  CEDR_SEEN(X)
} cedr_libc;
#undef X
void cedr_find_libc(void);
#endif

/* ---- state ---- */

typedef struct barrier barrier;
typedef struct thread thread;

/* How far a thread has waited for a barrier's calls. */
typedef struct {
  thread *who;
  size_t waited;
  size_t whole; /* of these no other could have ended in their place */
} progress;

/* A counter with its condition variable, and the non-blocking calls made with it. It begins anew, with `generation`,
 * when the application has set the counter or brings another mutex. */
struct barrier {
  pthread_cond_t *cond;
  pthread_mutex_t *mutex;
  uint32_t *counter;
  uint32_t left; /* the counter as it was left here */
  uint32_t generation;
  thread *submitter;  /* of its last call */
  bool shared;        /* several threads have made calls with it */
  uint32_t *tasks;    /* in the order of submission */
  size_t count, capacity;
  size_t announced;
  progress *progresses;
  size_t progress_count;
  barrier *next_of_counter, *next_of_cond, *next_of_mutex;
  barrier *next_pending, *previous_pending; /* calls of it are held back */
  bool pending;
  uint64_t pending_number; /* the smaller, the longer */
};

struct thread {
  thread *next;
  uint32_t number;
  pid_t id;
  pthread_t handle;
  bool joined, ended;
  void *(*routine)(void *);
  void *argument;
  uintptr_t stack_start, stack_end;

  cedr_thread_record record;
  uint64_t next_task;  /* the id to come */
  uint32_t tasks_left; /* of its block */
  bool names_task;     /* the next id is not the one behind the last */
  uint64_t since;                /* host time is recorded up to here */
  uint64_t call_begin;
  const uint64_t *blocks; /* basic blocks so far */

  barrier *waits_for; /* its last event is a WAIT for this one */
  uint32_t waits_generation;
  uint16_t wait_flags;
  bool wait_shared;
  uint32_t *wait_tasks; /* execute: to be compared when the list is whole */
  size_t wait_count, wait_capacity;
  size_t wait_submitted; /* calls of the barrier when it waited */

  /* Where it has slept, given way or taken a barrier's mutex, without an event since: it may be polling. */
  const void *poll_site;
  int other_sites;     /* such calls from elsewhere, since the last from there */
  uint64_t poll_begin; /* the first of them */
  uint64_t poll_begin_ns;
  barrier *seen; /* it took the mutex of this one, whose calls another thread waited for */
  uint32_t seen_generation;
  size_t seen_announced;
  uint64_t seen_at;

  const pthread_cond_t *blocked_on; /* inside libc's own wait */
  bool notified;
  _Atomic bool calling;
  _Atomic uint64_t moves; /* goes up with everything that is seen of it */
  uint64_t moves_before;  /* the rest is the sampling thread's */
  uint64_t still_since, still_since_ns, spin_since, spin_since_ns, looked_ns;
  uintptr_t spin_from, spin_to;
  const struct spin_rule *spins; /* it was found to, by this */
  struct watch *watch;
};

/* Of barriers with calls that are held back, the one that has had such calls longest, among those that a thread may be
 * waiting for; there may be others. */
typedef struct {
  thread *t;
  uintptr_t frame; /* where its own frames end, or 0 */
  barrier *first;
  uint16_t flags;
} choice;

typedef enum { CEDR_RUN, CEDR_RECORD, CEDR_EXECUTE } cedr_mode;

extern cedr_mode cedr_current_mode;
extern _Atomic bool cedr_recording; /* record or execute, from the start to the end */
extern pid_t cedr_own_process;
extern cedr_record cedr_record_file;
extern cedr_host_time cedr_host_kind;
extern thread cedr_main_thread;
extern thread *cedr_threads;
extern barrier *cedr_first_pending;
extern _Thread_local thread *cedr_self;
extern _Thread_local bool cedr_inside; /* libcedr's own code: what it calls is not looked at */
extern _Thread_local bool cedr_locked;
extern __attribute__((tls_model("initial-exec"))) _Thread_local uint64_t cedr_basic_blocks;

/* ---- recorder.c ---- */

/* The lock of all that stands here is taken last: behind a barrier's own mutex. */
void cedr_lock(void);
void cedr_unlock(void);
pid_t cedr_own_id(void);
/* Whether a thread holds a mutex. */
bool cedr_holds(pid_t id, const pthread_mutex_t *mutex);
/* What is seen of the calling thread begins: it is not computing. */
thread *cedr_observed(void);
bool cedr_looked_at(void);
uint64_t cedr_mixed(uint64_t hash, uint64_t value);
/* A variable of the environment; NULL if it is empty, too. */
const char *cedr_setting(const char *name);

void cedr_read_host_time(void);
uint64_t cedr_clock_ns(void);
/* Where a thread's host time stands: in nanoseconds or basic blocks. */
uint64_t cedr_stamp(const thread *t);
/* Nanoseconds of host time. */
uint64_t cedr_host_between(uint64_t since, uint64_t until);

/* ---- events.c ---- */

/* An event behind host time up to `until`. task: the one that it is about, or -1. */
void cedr_put(thread *t, cedr_event event, const uint32_t *words, uint32_t count, uint64_t until, int64_t task);
/* One that goes with the event before it. */
void cedr_put_at_once(thread *t, cedr_event event, const uint32_t *words, uint32_t count, int64_t task);
/* The thread has waited for tasks that others submitted where they met; whose they are may vary. */
void cedr_put_meeting(thread *t, const uint32_t *tasks, uint32_t count, uint64_t until);
/* The thread waits for a barrier's first `count` calls, as far as it has not yet: one more WAIT, or more of its
 * last. */
void cedr_wait_for(thread *t, barrier *b, size_t count, uint16_t flags, uint64_t until);
/* The list of the thread's last WAIT is whole. */
void cedr_close_wait(thread *t);
/* A thread that took a barrier's mutex, and made no call with it then, has waited for what was announced to others. */
void cedr_settle(thread *t, const barrier *submits_to);
progress *cedr_progress_of(barrier *b, thread *t);
void *cedr_grown(void *array, size_t *capacity, size_t element_bytes);

/* ---- execute.c ---- */

/* Compares an event with the recorded ones; a difference ends the process. */
void cedr_compare(thread *t, cedr_event event, const uint32_t *words, uint32_t count, int64_t task);
CEDR_NORETURN void cedr_diverged(const thread *t, int64_t task, const char *what);

/* ---- submissions.c ---- */

/* A thread other than the main one gets ids for its next tasks. */
void cedr_take_block(thread *t);

/* Puts a task that costs nothing, behind host time up to `until`: it is over when the thread gets there. Its id. */
uint32_t cedr_submit_join(thread *t, uint64_t until);

/* ---- barriers.c ---- */

/* The barrier that a call was made with, as it stands; `find`: NULL where there is none yet. */
barrier *cedr_current_barrier(const cedr_barrier_t *given);
barrier *cedr_find_barrier(const cedr_barrier_t *given);
/* Where to look for those of a condition variable (next_of_cond), of a mutex (next_of_mutex): among others. */
barrier *cedr_barriers_of_cond(const pthread_cond_t *cond);
barrier *cedr_barriers_of_mutex(const pthread_mutex_t *mutex);
void cedr_set_pending(barrier *b, bool pending);
/* What was held back stays so: nobody waits for it any more. */
void cedr_begin_anew(barrier *b);
/* Whether a thread may still look at a barrier: its counter is as it was left, and in no frame that the thread has
 * left. `frame`: where the thread's own frames end. */
bool cedr_alive(barrier *b, const thread *t, uintptr_t frame);
choice cedr_choice_of_cond(thread *t, const pthread_cond_t *cond, const pthread_mutex_t *mutex, uintptr_t frame);
choice cedr_choice_of_mutex(thread *t, const pthread_mutex_t *mutex, uintptr_t frame);
/* own: only those that the thread has made the last call with. */
choice cedr_choice_of_thread(thread *t, bool own, uintptr_t frame);
/* Barriers with calls that are held back, which the thread may be waiting for: its own, then others, without the first
 * `skipped`. How many they are, `most` at most. */
size_t cedr_candidates(thread *t, barrier *found[], size_t most, size_t skipped);
/* The oldest call of a barrier is done. The counter's mutex is held, by the caller or for it. */
void cedr_announce(barrier *b);
/* It is done for a thread that waits. */
void cedr_announce_to(thread *t, barrier *b, uint16_t flags, uint64_t until);
/* The same, to a thread that may or may not hold the mutex; `t` is the caller or another that is known to go on
 * spinning. Whether there was something to announce. */
bool cedr_announce_from_outside(thread *t, choice found, uint32_t generation, uint64_t until);

/* ---- spins.c ---- */

enum { CEDR_STILL_NS = 30000000 }; /* after so long without a sign of it, a thread may be polling */

void cedr_start_watching(void);

/* ---- watchpoints.c ---- */

typedef enum { CEDR_NOT_WATCHED, CEDR_WATCHED, CEDR_ANNOUNCED } cedr_watched;

/* One look at a thread while calls are held back: where it reads a barrier's counter again and again, the oldest call
 * of it is announced. CEDR_NOT_WATCHED: the system has no watchpoint for it. */
cedr_watched cedr_watch(thread *t);
void cedr_end_watch(thread *t);

/* ---- threads.c ---- */

void cedr_begin_main_thread(void);
/* A thread's END, once. */
void cedr_end_thread(thread *t, uint16_t status);

#endif
