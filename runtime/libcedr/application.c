/* What becomes of a C or C++ application's calls: computed, recorded, or compared with a record.
 *
 * A call is computed before it returns, in every mode. The counter of a non-blocking call's barrier goes up at once when
 * CEDR_MODE is run. When it is record or execute, that is held back until the application is seen to wait: then the
 * oldest call of the barrier is announced, as if it had ended just then. The application looks at its counter and waits
 * again or goes on, so what was announced is what it has waited for. It is seen to wait by the functions of libc that it
 * calls, which are defined here again, and if it calls none, by a thread that samples where it is.
 *
 * libcedr for applications is built from cedr.c, process.c, io.c, calls.c, arithmetic.c, record.c, dash.c and this file:
 *
 *   libcedr.so   -std=c11 -pthread -fPIC -shared, linked with -lm -ldl; it has to come before libc on the link line of the
 *                application, or of the program that loads it (-Wl,--no-as-needed -lcedr): a check at the start says so
 *   libcedr.a    the same objects, for applications that are linked with libc.so
 *   static       for -static, this file with -DCEDR_WRAP, and -Wl,--wrap=NAME at the application's link for each NAME of
 *                CEDR_SEEN below; not to be used otherwise
 *
 * The environment: CEDR_MODE, CEDR_RECORD, and for record CEDR_HOST_TIME=off (default), fixed, blocks or measured, with
 * CEDR_HOST_NS=N for the first two that need a figure: nanoseconds before each event, nanoseconds of a basic block (the
 * application is compiled with -fsanitize-coverage=trace-pc). Programs that a recorded one starts run.
 */
#define _GNU_SOURCE
#include "application.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "internal.h"
#include "record.h"

/* ---- the functions of libc that show a wait ---- */

#define CEDR_SEEN(X)                                                                                      \
  X(pthread_cond_wait) X(pthread_cond_timedwait) X(pthread_cond_clockwait) X(pthread_cond_destroy)        \
  X(pthread_mutex_lock) X(pthread_mutex_trylock) X(pthread_create) X(pthread_join) X(sched_yield)         \
  X(sleep) X(usleep) X(nanosleep) X(clock_nanosleep)

#ifdef CEDR_WRAP
#define SEEN(name) __wrap_##name
#define REAL(name) __real_##name
#define X(name) extern __typeof__(name) __real_##name, __wrap_##name;
CEDR_SEEN(X)
#undef X
#else
#define SEEN(name) name
#define REAL(name) (*(libc.name != NULL ? libc.name : (find_libc(), libc.name)))
#define X(name) __typeof__(name) *name;
static struct {
  CEDR_SEEN(X)
} libc;
#undef X

static void *find_behind(void *place, const char *name) {
#ifdef __x86_64__
  /* There is an older version of these, with another layout of the condition variable. */
  if (strncmp(name, "pthread_cond_", 13) == 0 && strcmp(name, "pthread_cond_clockwait") != 0) {
    return dlvsym(place, name, "GLIBC_2.3.2");
  }
#endif
  return dlsym(place, name);
}

static void *find(const char *name) {
  void *const next = find_behind(RTLD_NEXT, name);
  return next != NULL ? next : find_behind(RTLD_DEFAULT, name); /* libc stands before libcedr, where that only runs */
}

static void find_libc(void) {
#define X(name) *(void **)&libc.name = find(#name);
  CEDR_SEEN(X)
#undef X
}
#endif

/* ---- state ---- */

typedef struct barrier barrier;
typedef struct thread thread;

/* How far a thread has waited for a barrier's calls. */
typedef struct {
  thread *who;
  size_t waited;
} progress;

/* A counter with its condition variable, and the non-blocking calls made with it. It begins anew, with `generation`, when
 * the application has set the counter or brings another mutex. */
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
};

static enum { MODE_RUN, MODE_RECORD, MODE_EXECUTE } mode;
static _Atomic bool recording; /* record or execute, from the start to the end */
static pid_t process;
static cedr_record file;
static cedr_host_time host_time = CEDR_HOST_OFF;
static double host_ns;
static uint64_t clock_bias_ns;
static pthread_key_t thread_end;

static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER; /* taken last: behind a barrier's own mutex */
static _Thread_local bool inside;                              /* libcedr's own code: what it calls is not looked at */
static thread main_thread;
static thread *threads = &main_thread;
static uint32_t thread_count = 1;
static uint32_t block_count; /* of task ids */
static barrier *pending_first, *pending_last;

static _Thread_local thread *self;
__attribute__((tls_model("initial-exec"))) static _Thread_local uint64_t basic_blocks;

static _Thread_local bool locked;

static void lock(void) {
  inside = true;
  REAL(pthread_mutex_lock)(&state_lock);
  locked = true;
}

static void unlock(void) {
  locked = false;
  pthread_mutex_unlock(&state_lock);
  inside = false;
}

static pid_t own_id(void) {
  static _Thread_local pid_t id;
  static _Thread_local pid_t of_process;
  if (id == 0 || of_process != process) {
    id = (pid_t)syscall(SYS_gettid);
    of_process = process;
  }
  return id;
}

/* Whether a thread holds a mutex. */
static bool holds(pid_t id, const pthread_mutex_t *mutex) {
  return __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == id;
}

/* ---- host time ---- */

static uint64_t clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Called by instrumented code for each basic block. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) {
  ++basic_blocks;
}

/* Where a thread's host time stands: in nanoseconds or basic blocks. */
static uint64_t stamp(const thread *t) {
  return host_time == CEDR_HOST_MEASURED ? clock_ns() : host_time == CEDR_HOST_BLOCKS ? *t->blocks : 0;
}

static uint64_t host_between(uint64_t since, uint64_t until) {
  const uint64_t passed = until > since ? until - since : 0;
  switch (host_time) {
    case CEDR_HOST_MEASURED:
      return passed > clock_bias_ns ? passed - clock_bias_ns : 0;
    case CEDR_HOST_BLOCKS:
      return (uint64_t)((double)passed * host_ns);
    case CEDR_HOST_FIXED:
      return (uint64_t)host_ns;
    default:
      return 0;
  }
}

/* ---- events ---- */

CEDR_NORETURN static void diverged(const thread *t, int64_t task, const char *what) {
  char which[48] = "";
  if (task >= 0) {
    snprintf(which, sizeof which, ", task %" PRId64, task);
  }
  cedr_fail("%s: the application does not do what was recorded: thread %" PRIu32 ", event %" PRIu64 "%s: %s", file.path,
            t->number, t->record.compared, which, what);
}

static void skip_recorded(thread *t) {
  uint32_t count;
  cedr_recorded_words(&file, &t->record, &count);
}

/* Consumes the next recorded event if it is a WAIT for these tasks, or, of a barrier that several threads make calls with,
 * for as many: whose come first may vary. */
static bool take_wait(thread *t, const uint32_t *words, uint32_t count) {
  cedr_thread_record behind = t->record;
  uint32_t recorded_count;
  const uint32_t *const recorded = cedr_recorded_words(&file, &behind, &recorded_count);
  t->record.buffer = behind.buffer;
  t->record.buffer_capacity = behind.buffer_capacity;
  const bool same =
      recorded_count == count && (t->wait_shared || count == 0 || memcmp(recorded, words, count * sizeof *words) == 0);
  if (same) {
    t->record = behind;
  }
  return same;
}

/* Host time is not compared. Which of several threads waited for calls and which only looked may vary, too: a tentative WAIT
 * may be there or not, and be another thread's. */
static void compare(thread *t, cedr_event event, const uint32_t *words, uint32_t count, int64_t task) {
  cedr_event next;
  const bool tentative = event.kind == CEDR_WAIT && (event.number & CEDR_TENTATIVE) != 0;
  while (cedr_recorded_next(&file, &t->record, &next)) {
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
  const char *const different = cedr_record_compare(&file, &t->record, event, words, count);
  if (different != NULL) {
    diverged(t, task, different);
  }
}

/* The list of the thread's last WAIT is whole. */
static void close_wait(thread *t) {
  if (t->waits_for != NULL && mode == MODE_EXECUTE) {
    const cedr_event wait = {.kind = CEDR_WAIT, .number = t->wait_flags};
    compare(t, wait, t->wait_tasks, (uint32_t)t->wait_count, t->wait_tasks[0]);
    t->wait_shared = false;
  }
  t->waits_for = NULL;
}

/* Host time up to `until`, as it fits an event; more of it becomes an event of its own. */
static uint32_t take_host(thread *t, uint64_t until) {
  const uint64_t ns = host_between(t->since, until);
  t->since = until;
  if (ns <= UINT32_MAX) {
    return (uint32_t)ns;
  }
  if (mode == MODE_RECORD) {
    const uint32_t words[] = {(uint32_t)ns, (uint32_t)(ns >> 32)};
    cedr_record_event(&file, &t->record, (cedr_event){.kind = CEDR_HOST}, words, 2);
  }
  return 0;
}

static void *grown(void *array, size_t *capacity, size_t element_bytes) {
  *capacity = *capacity == 0 ? 16 : 2 * *capacity;
  void *const larger = realloc(array, *capacity * element_bytes);
  if (larger == NULL) {
    cedr_fail("out of memory: %zu calls of one barrier", *capacity);
  }
  return larger;
}

static progress *progress_of(barrier *b, thread *t) {
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

/* The thread waits for a barrier's first `count` calls, as far as it has not yet: one more WAIT, or more of its last. */
static void wait_for(thread *t, barrier *b, size_t count, uint16_t flags, uint64_t until) {
  progress *const done = progress_of(b, t);
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
    if (mode == MODE_EXECUTE) {
      if (t->wait_count == t->wait_capacity) {
        t->wait_tasks = grown(t->wait_tasks, &t->wait_capacity, sizeof *t->wait_tasks);
      }
      t->wait_tasks[t->wait_count++] = task;
    } else if (more) {
      cedr_record_wait_more(&file, &t->record, task);
    } else {
      const cedr_event wait = {.kind = CEDR_WAIT, .number = flags, .host_ns = take_host(t, until)};
      cedr_record_event(&file, &t->record, wait, &task, 1);
    }
  }
}

/* A thread that took a barrier's mutex, and made no call with it then, has waited for what was announced to others. */
static void settle(thread *t, const barrier *submits_to) {
  barrier *const b = t->seen;
  t->seen = NULL;
  if (b != NULL && b != submits_to && b->generation == t->seen_generation) {
    wait_for(t, b, t->seen_announced, CEDR_TENTATIVE, t->seen_at);
  }
}

/* task: the one that it is about, or -1. */
static void put_at_once(thread *t, cedr_event event, const uint32_t *words, uint32_t count, int64_t task) {
  if (mode == MODE_EXECUTE) {
    compare(t, event, words, count, task);
  } else {
    cedr_record_event(&file, &t->record, event, words, count);
  }
}

/* An event behind host time up to `until`. */
static void put(thread *t, cedr_event event, const uint32_t *words, uint32_t count, uint64_t until, int64_t task) {
  settle(t, NULL);
  close_wait(t);
  t->poll_site = NULL;
  t->spins = NULL;
  event.host_ns = take_host(t, until);
  put_at_once(t, event, words, count, task);
}

/* ---- tasks ---- */

enum { TASK_BLOCK = 1 << 16 };

/* Ids of the main thread go up from 0, those of the others up in blocks that are taken from the top down. */
static uint64_t first_of_blocks(void) {
  return ((uint64_t)1 << 32) - (uint64_t)block_count * TASK_BLOCK;
}

static void take_block(thread *t) {
  ++block_count;
  t->next_task = first_of_blocks();
  t->tasks_left = TASK_BLOCK;
  t->names_task = true;
}

static uint32_t next_task(thread *t) {
  if (t != &main_thread && t->tasks_left-- == 0) {
    take_block(t);
    --t->tasks_left;
  }
  if (main_thread.next_task >= first_of_blocks()) {
    cedr_fail("%s: more tasks than a record has numbers for", file.path);
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

static uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

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
  uint64_t hash = mixed((uintptr_t)call->label, (uintptr_t)call->attributes);
  for (int32_t i = 0; i < call->dim_count; ++i) {
    hash = mixed(hash, (uint64_t)call->dims[i]);
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
  if (mode == MODE_EXECUTE) {
    index = cedr_recorded_class(&file, line);
    if (index < 0) {
      diverged(t, -1, "a call of a class that was not recorded");
    }
  } else if (index == MOST_CLASSES) {
    cedr_fail("%s: more than %d classes of calls", file.path, MOST_CLASSES);
  } else {
    cedr_record_class(&file, line);
  }
  known_class *const known = cedr_allocate(1, sizeof *known);
  *known = (known_class){*bucket, call->label, call->attributes, {0}, (uint16_t)index};
  memcpy(known->dims, call->dims, dims_bytes);
  *bucket = known;
  return known->index;
}

/* ---- barriers ---- */

enum { BARRIER_BUCKETS = 4096 };
static barrier *by_counter[BARRIER_BUCKETS], *by_cond[BARRIER_BUCKETS], *by_mutex[BARRIER_BUCKETS];

static barrier **bucket_of(barrier **table, const void *address) {
  return &table[mixed(0, (uintptr_t)address) % BARRIER_BUCKETS];
}

static void set_pending(barrier *b, bool pending) {
  if (b->pending == pending) {
    return;
  }
  static uint64_t number;
  b->pending = pending;
  if (pending) {
    b->pending_number = ++number;
    b->previous_pending = pending_last;
    b->next_pending = NULL;
    *(pending_last == NULL ? &pending_first : &pending_last->next_pending) = b;
    pending_last = b;
  } else {
    *(b->previous_pending == NULL ? &pending_first : &b->previous_pending->next_pending) = b->next_pending;
    *(b->next_pending == NULL ? &pending_last : &b->next_pending->previous_pending) = b->previous_pending;
  }
}

/* What was held back stays so: nobody waits for it any more. */
static void begin_anew(barrier *b) {
  set_pending(b, false);
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

static barrier *find_barrier(const cedr_barrier_t *given) {
  barrier *b = *bucket_of(by_counter, given->completion_ctr);
  while (b != NULL && (b->counter != given->completion_ctr || b->cond != given->cond)) {
    b = b->next_of_counter;
  }
  return b;
}

/* The barrier that a call was made with, as it stands. */
static barrier *current_barrier(const cedr_barrier_t *given) {
  barrier *b = find_barrier(given);
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
    begin_anew(b);
    unlink_mutex(b);
    link_mutex(b, given->mutex);
    b->left = *b->counter;
  }
  return b;
}

/* Whether a thread may still look at a barrier: its counter is as it was left, and in no frame that the thread has left.
 * `frame`: where the thread's own frames end. */
static bool alive(barrier *b, const thread *t, uintptr_t frame) {
  const uintptr_t counter = (uintptr_t)b->counter;
  const bool left = frame != 0 && counter >= t->stack_start && counter < t->stack_end && counter < frame;
  if (left || *b->counter != b->left) {
    begin_anew(b);
    return false;
  }
  return true;
}

/* The oldest call of a barrier is done. The counter's mutex is held, by the caller or for it. */
static void announce(barrier *b) {
  ++*b->counter;
  ++b->left;
  ++b->announced;
  if (b->announced == b->count) {
    set_pending(b, false);
  }
  pthread_cond_broadcast(b->cond);
}

/* ---- how a wait is seen ---- */

/* Of barriers with calls that are held back, the one that has had such calls longest, among those that a thread may be
 * waiting for; there may be others. */
typedef struct {
  thread *t;
  uintptr_t frame; /* where its own frames end, or 0 */
  barrier *first;
  uint16_t flags;
} choice;

static void consider(choice *found, barrier *b) {
  if (!b->pending || !alive(b, found->t, found->frame)) {
    return;
  }
  if (found->first != NULL) {
    found->flags |= CEDR_AMBIGUOUS;
  }
  if (found->first == NULL || b->pending_number < found->first->pending_number) {
    found->first = b;
  }
}

static choice of_condition(thread *t, const pthread_cond_t *cond, const pthread_mutex_t *mutex, uintptr_t frame) {
  choice found = {.t = t, .frame = frame};
  for (barrier *b = *bucket_of(by_cond, cond); b != NULL; b = b->next_of_cond) {
    if (b->cond == cond && b->mutex == mutex) {
      consider(&found, b);
    }
  }
  return found;
}

static choice of_mutex(thread *t, const pthread_mutex_t *mutex, uintptr_t frame) {
  choice found = {.t = t, .frame = frame};
  for (barrier *b = *bucket_of(by_mutex, mutex); b != NULL; b = b->next_of_mutex) {
    if (b->mutex == mutex) {
      consider(&found, b);
    }
  }
  return found;
}

/* own: only those that the thread has made the last call with. */
static choice of_thread(thread *t, bool own, uintptr_t frame) {
  choice found = {.t = t, .frame = frame};
  for (barrier *b = pending_first, *next; b != NULL; b = next) {
    next = b->next_pending;
    if (!own || b->submitter == t) {
      consider(&found, b);
    }
  }
  return found;
}

/* What is seen of a thread begins: it is not computing. */
static thread *observed(void) {
  thread *const t = self;
  atomic_fetch_add_explicit(&t->moves, 1, memory_order_relaxed);
  return t;
}

static bool looked_at(void) {
  return atomic_load_explicit(&recording, memory_order_relaxed) && !inside && self != NULL && !self->ended;
}

/* The wait of a thread that holds the barrier's mutex. */
static void announce_to(thread *t, barrier *b, uint16_t flags, uint64_t until) {
  announce(b);
  wait_for(t, b, b->announced, flags, until);
  t->spins = NULL;
}

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
  if (!looked_at()) {
    return libc_wait(cond, mutex, clock, deadline);
  }
  const uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
  thread *const t = observed();
  const uint64_t until = stamp(t);
  int result = 0;
  lock();
  t->poll_site = NULL;
  t->seen = NULL;
  const choice found = of_condition(t, cond, mutex, frame);
  if (found.first != NULL) {
    announce_to(t, found.first, found.flags, until);
  } else {
    t->blocked_on = cond;
    t->notified = false;
    unlock();
    result = libc_wait(cond, mutex, clock, deadline);
    lock();
    t->blocked_on = NULL;
    for (barrier *b = *bucket_of(by_cond, cond); b != NULL; b = b->next_of_cond) {
      if (b->cond == cond && b->mutex == mutex && recording) {
        wait_for(t, b, b->announced, t->notified ? 0 : CEDR_TENTATIVE, until);
      }
    }
  }
  t->since = stamp(t);
  unlock();
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
  if (looked_at()) {
    lock();
    for (barrier *b = *bucket_of(by_cond, cond); b != NULL; b = b->next_of_cond) {
      if (b->cond == cond) {
        begin_anew(b);
      }
    }
    unlock();
  }
  return REAL(pthread_cond_destroy)(cond);
}

enum { SITES_BEFORE_ANOTHER = 8 };

/* Whether a thread polls: it does again what it did before, at the same place in its code. Between two announcements there
 * has to be a look at the counter, so other places are left out of account, until they are the only ones. */
static bool repeats(thread *t, const void *site, uint64_t until) {
  if (t->poll_site == NULL) {
    t->poll_site = site;
    t->other_sites = 0;
    t->poll_begin = until;
    t->poll_begin_ns = clock_ns();
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
  thread *const t = self;
  lock();
  barrier *b = *bucket_of(by_mutex, mutex);
  while (b != NULL && b->mutex != mutex) {
    b = b->next_of_mutex;
  }
  if (b != NULL && recording) {
    const choice found = of_mutex(t, mutex, frame);
    if (found.first == NULL) {
      forget(t, site);
    } else if (repeats(t, site, until)) {
      announce_to(t, found.first, found.flags, t->poll_begin);
      t->seen = NULL;
      t->poll_begin = t->since = stamp(t);
    }
    for (; b != NULL && t->seen == NULL; b = b->next_of_mutex) {
      if (b->mutex == mutex && progress_of(b, t)->waited < b->announced) {
        t->seen = b;
        t->seen_generation = b->generation;
        t->seen_announced = b->announced;
        t->seen_at = until;
      }
    }
  }
  unlock();
}

int SEEN(pthread_mutex_lock)(pthread_mutex_t *mutex) {
  if (!looked_at()) {
    return REAL(pthread_mutex_lock)(mutex);
  }
  thread *const t = observed();
  const uint64_t until = stamp(t);
  int result = REAL(pthread_mutex_trylock)(mutex);
  if (result == EBUSY) {
    result = REAL(pthread_mutex_lock)(mutex);
    t->since += stamp(t) - until; /* it has not computed meanwhile */
  }
  if (result == 0) {
    took_mutex(mutex, __builtin_return_address(0), (uintptr_t)__builtin_frame_address(0), until);
  }
  return result;
}

int SEEN(pthread_mutex_trylock)(pthread_mutex_t *mutex) {
  const int result = REAL(pthread_mutex_trylock)(mutex);
  if (result == 0 && looked_at()) {
    took_mutex(mutex, __builtin_return_address(0), (uintptr_t)__builtin_frame_address(0), stamp(observed()));
  }
  return result;
}

/* Announces the oldest call of a barrier to a thread that may or may not hold its mutex; `t` is the caller or another that
 * is known to go on spinning. */
static bool announce_from_outside(thread *t, choice found, uint32_t generation, uint64_t until) {
  barrier *const b = found.first;
  pthread_mutex_t *const mutex = b->mutex;
  const bool held = holds(t->id, mutex);
  if (!held) {
    inside = true;
    REAL(pthread_mutex_lock)(mutex);
  }
  lock();
  const bool there = b->pending && b->generation == generation && recording;
  if (there) {
    announce_to(t, b, found.flags, until);
    t->poll_begin = t->since = stamp(t);
  }
  unlock();
  if (!held) {
    pthread_mutex_unlock(mutex);
  }
  return there;
}

enum { STILL_NS = 30000000 };

/* A thread sleeps or gives way. If it polls it is for a barrier that it has made calls with, or, after a while, for another.
 * Whether a call was announced, and the sleep is over. */
static bool polls(const void *site, uintptr_t frame) {
  thread *const t = observed();
  const uint64_t until = stamp(t);
  choice found = {0};
  lock();
  if (pending_first == NULL) {
    forget(t, site);
  } else if (repeats(t, site, until)) {
    found = of_thread(t, true, frame);
    if (found.first == NULL && clock_ns() - t->poll_begin_ns > STILL_NS) {
      found = of_thread(t, false, frame);
      found.flags |= CEDR_INFERRED;
    }
  }
  const uint32_t generation = found.first == NULL ? 0 : found.first->generation;
  unlock();
  return found.first != NULL && announce_from_outside(t, found, generation, t->poll_begin);
}

#define POLLS() (looked_at() && polls(__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0)))

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

/* ---- calls ---- */

void cedr_call_begin(void) {
  if (atomic_load_explicit(&recording, memory_order_relaxed) && self != NULL) {
    atomic_store_explicit(&self->calling, true, memory_order_relaxed);
    self->call_begin = stamp(observed());
  }
}

/* A call that is no longer, or was never, held back. */
static void complete(const cedr_barrier_t *given) {
  const bool held = holds(own_id(), given->mutex);
  if (!held) {
    REAL(pthread_mutex_lock)(given->mutex);
  }
  lock();
  barrier *const b = recording ? find_barrier(given) : NULL;
  if (b != NULL && b->left == *b->counter) {
    ++b->left;
  }
  ++*given->completion_ctr;
  pthread_cond_broadcast(given->cond);
  unlock();
  if (!held) {
    pthread_mutex_unlock(given->mutex);
  }
}

static bool is_waited_for(const barrier *b) {
  const thread *t = threads;
  while (t != NULL && (t->blocked_on != b->cond || t->notified)) {
    t = t->next;
  }
  return t != NULL;
}

/* Announces one call of a barrier to the threads that wait for it inside libc. */
static void wake_waiting(const thread *t, barrier *b) {
  pthread_mutex_t *const mutex = b->mutex;
  const bool held = holds(t->id, mutex);
  if (!held) {
    REAL(pthread_mutex_lock)(mutex);
  }
  lock();
  if (b->pending && recording && is_waited_for(b)) {
    announce(b);
    for (thread *other = threads; other != NULL; other = other->next) {
      other->notified |= other->blocked_on == b->cond;
    }
  }
  unlock();
  if (!held) {
    pthread_mutex_unlock(mutex);
  }
}

/* OpenMP's joins and barriers cannot be seen. */
extern int omp_in_parallel(void) __attribute__((weak));

static void check_thread(const char *call) {
  if (self == NULL || self->ended) {
    cedr_fail("%s: the thread that calls it was not seen to start, or has ended: only threads of pthread_create (and of "
              "std::thread) are recorded", call);
  }
  if (omp_in_parallel != NULL && omp_in_parallel() != 0) {
    cedr_fail("%s: called in a parallel region of OpenMP, whose joins cannot be seen: record it with pthread_create and "
              "pthread_join, or with OMP_NUM_THREADS=1", call);
  }
  if (host_time == CEDR_HOST_BLOCKS && self == &main_thread && basic_blocks == 0) {
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
  put(t, event, NULL, 0, t->call_begin, task);
  if (done.blocking && named) {
    put_at_once(t, (cedr_event){.kind = CEDR_WAIT}, &task, 1, task);
  } else if (!done.blocking && done.barrier == NULL) {
    put_at_once(t, (cedr_event){.kind = CEDR_DETACHED}, NULL, 0, task);
  }
  return task;
}

void cedr_call_end(const cedr_call_class *call, cedr_completion done) {
  if (!atomic_load_explicit(&recording, memory_order_relaxed)) {
    cedr_call_end_uncounted(done);
    return;
  }
  check_thread(done.call);
  thread *const t = self;
  lock();
  barrier *const b = done.barrier == NULL ? NULL : current_barrier(done.barrier);
  settle(t, b);
  const uint32_t task = submit(t, class_index(t, call), done);
  bool wake = false;
  if (b != NULL) {
    if (b->count == b->capacity) {
      b->tasks = grown(b->tasks, &b->capacity, sizeof *b->tasks);
    }
    b->tasks[b->count++] = task;
    b->shared |= b->count > 1 && b->submitter != t;
    b->submitter = t;
    set_pending(b, true);
    wake = is_waited_for(b);
  }
  unlock();
  if (wake) {
    wake_waiting(t, b);
  }
  atomic_store_explicit(&t->calling, false, memory_order_relaxed);
  t->since = stamp(t);
}

void cedr_call_end_uncounted(cedr_completion done) {
  if (done.barrier != NULL) {
    complete(done.barrier);
  }
}

/* ---- threads ---- */

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
  t->id = own_id();
  t->handle = pthread_self();
  t->blocks = &basic_blocks;
  find_stack(t);
  pthread_setspecific(thread_end, t);
  self = t;
  t->since = stamp(t);
}

static void *run_thread(void *data) {
  thread *const t = data;
  inside = true;
  lock(); /* its creator has written its SPAWN */
  begin_thread(t);
  unlock();
  return t->routine(t->argument);
}

static void end(thread *t, uint16_t status) {
  if (!t->ended) {
    put(t, (cedr_event){.kind = CEDR_END, .number = status}, NULL, 0, stamp(t), -1);
    t->ended = true;
    t->blocked_on = NULL; /* where it was cancelled inside a wait */
  }
}

/* A thread is over, by return, pthread_exit() or cancellation; what its stack held is gone. */
static void on_thread_end(void *data) {
  thread *const t = data;
  lock();
  if (recording && process == getpid()) {
    end(t, 0);
    for (barrier *b = pending_first, *next; b != NULL; b = next) {
      next = b->next_pending;
      if ((uintptr_t)b->counter >= t->stack_start && (uintptr_t)b->counter < t->stack_end) {
        begin_anew(b);
      }
    }
  }
  unlock();
}

int SEEN(pthread_create)(pthread_t *handle, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument) {
  if (!looked_at()) {
    return REAL(pthread_create)(handle, attributes, routine, argument);
  }
  thread *const creator = observed();
  const uint64_t until = stamp(creator);
  thread *const t = cedr_allocate(1, sizeof *t);
  t->routine = routine;
  t->argument = argument;
  lock();
  t->number = t->record.thread = thread_count;
  const int failure = REAL(pthread_create)(handle, attributes, run_thread, t);
  if (failure == 0) {
    ++thread_count;
    t->handle = *handle;
    t->next = threads;
    threads = t;
    take_block(t);
    if (mode == MODE_RECORD) {
      cedr_record_thread(&file, &t->record);
    }
    put(creator, (cedr_event){.kind = CEDR_SPAWN}, &t->number, 1, until, -1);
  } else {
    free(t);
  }
  creator->since = stamp(creator);
  unlock();
  return failure;
}

int SEEN(pthread_join)(pthread_t handle, void **result) {
  if (!looked_at()) {
    return REAL(pthread_join)(handle, result);
  }
  thread *const t = observed();
  const uint64_t until = stamp(t);
  lock();
  thread *joined = threads;
  while (joined != NULL && (joined->joined || !pthread_equal(joined->handle, handle))) {
    joined = joined->next;
  }
  unlock();
  const int failure = REAL(pthread_join)(handle, result);
  if (failure == 0 && joined != NULL) {
    lock();
    joined->joined = true;
    if (recording) {
      put(t, (cedr_event){.kind = CEDR_JOIN}, &joined->number, 1, until, -1);
      t->since = stamp(t);
    }
    unlock();
  }
  return failure;
}

/* ---- a thread that spins on its counter ---- */

/* What is a spin: samples of a thread's registers that are few different ones. A loop that computes has others each time. One
 * that calls functions, as unoptimised ones do, is more than a few bytes long, and is looked at longer. */
typedef struct spin_rule {
  uint64_t still_ns; /* without any other sign of it */
  int samples, states;
  uintptr_t bytes; /* of code */
} spin_rule;

static const spin_rule SHORT_LOOP = {STILL_NS, 12, 6, 96};
static const spin_rule LONG_LOOP = {10 * (uint64_t)STILL_NS, 64, 16, UINTPTR_MAX};

enum { MOST_STATES = 16, TICK_NS = 5000000, GAP_NS = 200000, PATIENCE = 400 };

static struct {
  _Atomic uintptr_t place;
  _Atomic uint64_t state;
  _Atomic bool taken;
} sample;

/* QEMU's user mode keeps the last two for itself. */
static int sample_signal(void) {
  return SIGRTMAX - 2;
}

static void on_sample(int number, siginfo_t *info, void *data) {
  (void)number;
  (void)info;
  const ucontext_t *const context = data;
  uint64_t state = 0;
  uintptr_t place = 0;
#if defined(__x86_64__)
  for (int i = 0; i < REG_RIP; ++i) { /* all of the general registers stand before it */
    state = mixed(state, (uint64_t)context->uc_mcontext.gregs[i]);
  }
  place = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  for (int i = 0; i < 31; ++i) {
    state = mixed(state, context->uc_mcontext.regs[i]);
  }
  place = context->uc_mcontext.pc;
#else
  (void)context;
#endif
  sample.place = place;
  sample.state = state;
  sample.taken = true;
}

static void pause_ns(long duration_ns) {
  REAL(nanosleep)(&(struct timespec){.tv_nsec = duration_ns}, NULL);
}

/* Whether a thread can run: one that waits in the kernel is not disturbed. */
static bool runs(pid_t id) {
  char path[64];
  char text[512];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)id);
  const int stat = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t length = stat < 0 ? -1 : read(stat, text, sizeof text - 1);
  if (stat >= 0) {
    close(stat);
  }
  if (length <= 0) {
    return false;
  }
  text[length] = '\0';
  const char *const name_end = strrchr(text, ')');
  return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'R';
}

static bool take_sample(const thread *t) {
  if (!runs(t->id)) {
    return false;
  }
  sample.taken = false;
  if (syscall(SYS_tgkill, process, t->id, sample_signal()) != 0) {
    return false;
  }
  for (int i = 0; i < PATIENCE && !sample.taken; ++i) {
    pause_ns(50000);
  }
  return sample.taken && sample.place != 0;
}

static bool is_spinning(thread *t, const spin_rule *rule) {
  uint64_t states[MOST_STATES];
  int state_count = 0;
  uintptr_t from = UINTPTR_MAX;
  uintptr_t to = 0;
  const uint64_t moves = t->moves;
  for (int i = 0; i < rule->samples; ++i) {
    pause_ns(GAP_NS);
    if (!take_sample(t) || t->moves != moves) {
      return false;
    }
    const uintptr_t place = sample.place;
    from = place < from ? place : from;
    to = place > to ? place : to;
    int known = 0;
    while (known < state_count && states[known] != sample.state) {
      ++known;
    }
    if (to - from > rule->bytes || known == rule->states) {
      return false;
    }
    states[known] = sample.state;
    state_count = known == state_count ? state_count + 1 : state_count;
  }
  return t->moves == moves;
}

/* One look at a thread while calls are held back. Its place is followed, to know since when it has been in one loop. */
static void follow(thread *t, uint64_t now_ns) {
  const uint64_t moves = t->moves;
  if (moves != t->moves_before || t->still_since_ns == 0) {
    t->moves_before = moves;
    t->still_since_ns = t->spin_since_ns = now_ns;
    t->spin_since = t->still_since = stamp(t);
    t->spin_from = UINTPTR_MAX;
    t->spin_to = 0;
    t->spins = NULL;
  }
  if (t->spins != NULL || !take_sample(t)) {
    return;
  }
  const uintptr_t place = sample.place;
  t->spin_from = place < t->spin_from ? place : t->spin_from;
  t->spin_to = place > t->spin_to ? place : t->spin_to;
  if (t->spin_to - t->spin_from > SHORT_LOOP.bytes) {
    t->spin_since_ns = now_ns;
    t->spin_since = stamp(t);
    t->spin_from = t->spin_to = place;
  }
}

/* The rule by which a thread is found to spin, or NULL. */
static const spin_rule *spinning(thread *t) {
  follow(t, clock_ns());
  if (t->spins != NULL && is_spinning(t, t->spins)) {
    return t->spins;
  }
  const uint64_t now_ns = clock_ns();
  if (t->spins != NULL) { /* no longer */
    t->spins = NULL;
    t->still_since_ns = t->spin_since_ns = now_ns;
  }
  if (now_ns - t->spin_since_ns >= SHORT_LOOP.still_ns && is_spinning(t, &SHORT_LOOP)) {
    return &SHORT_LOOP;
  }
  if (now_ns - t->still_since_ns >= LONG_LOOP.still_ns && now_ns - t->looked_ns >= LONG_LOOP.still_ns) {
    t->looked_ns = now_ns;
    return is_spinning(t, &LONG_LOOP) ? &LONG_LOOP : NULL;
  }
  return NULL;
}

static bool any_lives(const thread *t) {
  while (t != NULL && t->ended) {
    t = t->next;
  }
  return t != NULL;
}

/* The thread that looks at the others: where one spins, the oldest call it may be waiting for is announced to it. It leaves
 * with the last of them, so that the process ends. */
static void *watch(void *unused) {
  (void)unused;
  bool hurry = false;
  for (;;) {
    pause_ns(hurry ? GAP_NS : TICK_NS);
    hurry = false;
    lock();
    thread *const first = threads;
    const bool any = pending_first != NULL && recording;
    const bool lives = any_lives(first);
    unlock();
    if (!lives) {
      return NULL;
    }
    for (thread *t = any ? first : NULL; t != NULL; t = t->next) {
      if (t->ended || t->calling || t->blocked_on != NULL || t->blocks == NULL) {
        continue;
      }
      const spin_rule *const rule = spinning(t);
      if (rule == NULL) {
        continue;
      }
      lock();
      choice found = of_thread(t, true, 0);
      if (found.first == NULL) {
        found = of_thread(t, false, 0);
      }
      found.flags |= CEDR_INFERRED;
      const uint32_t generation = found.first == NULL ? 0 : found.first->generation;
      unlock();
      const uint64_t until = rule == &SHORT_LOOP ? t->spin_since : t->still_since;
      if (found.first != NULL && announce_from_outside(t, found, generation, until)) {
        t->spins = rule;
        hurry = true;
      }
    }
  }
}

static void start_watching(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
  action.sa_sigaction = on_sample;
  sigemptyset(&action.sa_mask);
  sigaction(sample_signal(), &action, NULL);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t handle;
  const int failure = REAL(pthread_create)(&handle, NULL, watch, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failure != 0) {
    cedr_fail("a thread cannot be started: %s", strerror(failure));
  }
  pthread_detach(handle);
}

/* ---- start and end ---- */

static void before_fork(void) {
  lock();
}

static void after_fork(void) {
  unlock();
}

/* A forked child runs: what was held back is announced, to the one thread that there is. */
static void in_child(void) {
  for (barrier *b = pending_first; recording && b != NULL; b = b->next_pending) {
    if (self != NULL && alive(b, self, 0)) {
      *b->counter += (uint32_t)(b->count - b->announced);
    }
  }
  recording = false;
  mode = MODE_RUN;
  process = getpid();
  unlock();
}

/* The process ends by a message. Where that is about the record itself, it has no END. */
static void on_failure(void) {
  if (locked) {
    recording = false;
    cedr_record_close(&file, true);
    unlock();
  }
}

static void on_process_end(int status, void *unused) {
  (void)unused;
  if (!recording || process != getpid()) {
    return;
  }
  lock();
  recording = false;
  if (mode == MODE_RECORD && self != NULL) {
    end(self, (uint16_t)(status & 0xff));
  }
  if (mode == MODE_RECORD || status == 0) {
    end(&main_thread, (uint16_t)(status & 0xff));
  }
  cedr_record_close(&file, status != 0);
  unlock();
}

static const char *setting(const char *name) {
  const char *const value = getenv(name);
  return value == NULL || *value == '\0' ? NULL : value;
}

static void read_host_time(void) {
  static const struct {
    const char *name;
    cedr_host_time kind;
  } kinds[] = {{"off", CEDR_HOST_OFF},
               {"fixed", CEDR_HOST_FIXED},
               {"blocks", CEDR_HOST_BLOCKS},
               {"measured", CEDR_HOST_MEASURED}};
  const char *const name = setting("CEDR_HOST_TIME");
  const char *const figure = setting("CEDR_HOST_NS");
  if (name == NULL) {
    return;
  }
  size_t i = 0;
  while (i < sizeof kinds / sizeof kinds[0] && strcmp(kinds[i].name, name) != 0) {
    ++i;
  }
  if (i == sizeof kinds / sizeof kinds[0]) {
    cedr_fail("CEDR_HOST_TIME=%s: off, fixed, blocks and measured are allowed", name);
  }
  host_time = kinds[i].kind;
  if (host_time == CEDR_HOST_FIXED || host_time == CEDR_HOST_BLOCKS) {
    char *rest = NULL;
    host_ns = figure == NULL ? 0 : strtod(figure, &rest);
    if (figure == NULL || rest == figure || *rest != '\0' || !(host_ns >= 0 && host_ns <= 1e12)) {
      cedr_fail("CEDR_HOST_TIME=%s needs CEDR_HOST_NS=N, the nanoseconds of a %s: 0 to 10^12; got %s", name,
                host_time == CEDR_HOST_FIXED ? "segment between two calls" : "basic block",
                figure == NULL ? "none" : figure);
    }
  } else if (figure != NULL) {
    cedr_fail("CEDR_HOST_NS=%s: CEDR_HOST_TIME=%s takes no figure", figure, name);
  }
  if (host_time == CEDR_HOST_MEASURED) {
    clock_bias_ns = UINT64_MAX;
    for (int k = 0; k < 64; ++k) {
      const uint64_t first = clock_ns();
      const uint64_t passed = clock_ns() - first;
      clock_bias_ns = passed < clock_bias_ns ? passed : clock_bias_ns;
    }
  }
}

/* Whether the functions above are those that the program calls. */
static void check_link_order(void) {
#ifndef CEDR_WRAP
  if (dlsym(RTLD_DEFAULT, "pthread_cond_wait") != (void *)(uintptr_t)pthread_cond_wait) {
    cedr_fail("libcedr stands behind libc in the program's search order, so its waits cannot be seen: put -lcedr before "
              "libc on the link line of the executable (-Wl,--no-as-needed -lcedr), or set LD_PRELOAD to libcedr.so");
  }
#endif
}

__attribute__((constructor(101))) static void start(void) {
  cedr_set_program(program_invocation_short_name);
  process = getpid();
  pthread_atfork(before_fork, after_fork, in_child);
  const char *const name = setting("CEDR_MODE");
  if (name == NULL || strcmp(name, "run") == 0) {
    return;
  }
  if (strcmp(name, "record") != 0 && strcmp(name, "execute") != 0) {
    cedr_fail("CEDR_MODE=%s: the modes are run, record, execute", name);
  }
  const char *const path = setting("CEDR_RECORD");
  if (path == NULL) {
    cedr_fail("CEDR_MODE=%s needs CEDR_RECORD=FILE", name);
  }
  check_link_order();
  if (strcmp(name, "record") == 0) {
    mode = MODE_RECORD;
    read_host_time();
    cedr_record_create(&file, strdup(path), host_time);
  } else {
    mode = MODE_EXECUTE;
    cedr_record_open(&file, strdup(path));
  }
  setenv("CEDR_MODE", "run", 1);
  pthread_key_create(&thread_end, on_thread_end);
  cedr_before_failing(on_failure);
  on_exit(on_process_end, NULL);
  begin_thread(&main_thread);
  start_watching();
  main_thread.since = stamp(&main_thread);
  recording = true;
}
