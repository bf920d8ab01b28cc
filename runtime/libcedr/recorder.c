/* What the parts of the recorder share: its state, the lock that guards it, libc behind it, and host time. */
#define _GNU_SOURCE
#include "recorder.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CEDR_WRAP
struct cedr_libc cedr_libc;

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

void cedr_find_libc(void) {
#define X(name) *(void **)&cedr_libc.name = find(#name);
  CEDR_SEEN(X)
#undef X
}
#endif

cedr_host_time cedr_host_kind = CEDR_HOST_OFF;
thread cedr_main_thread;
thread *cedr_threads = &cedr_main_thread;
_Thread_local thread *cedr_self;
_Thread_local bool cedr_inside;
_Thread_local bool cedr_locked;
_Thread_local uint64_t cedr_basic_blocks;

static double host_ns;
static uint64_t clock_bias_ns;
static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;

void cedr_lock(void) {
  cedr_inside = true;
  REAL(pthread_mutex_lock)(&state_lock);
  cedr_locked = true;
}

void cedr_unlock(void) {
  cedr_locked = false;
  pthread_mutex_unlock(&state_lock);
  cedr_inside = false;
}

pid_t cedr_own_id(void) {
  static _Thread_local pid_t id;
  static _Thread_local pid_t of_process;
  if (id == 0 || of_process != cedr_own_process) {
    id = (pid_t)syscall(SYS_gettid);
    of_process = cedr_own_process;
  }
  return id;
}

bool cedr_holds(pid_t id, const pthread_mutex_t *mutex) {
  return __atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) == id;
}

uint64_t cedr_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Called by instrumented code for each basic block. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) {
  ++cedr_basic_blocks;
}

uint64_t cedr_stamp(const thread *t) {
  return cedr_host_kind == CEDR_HOST_MEASURED ? cedr_clock_ns() : cedr_host_kind == CEDR_HOST_BLOCKS ? *t->blocks : 0;
}

uint64_t cedr_host_between(uint64_t since, uint64_t until) {
  const uint64_t passed = until > since ? until - since : 0;
  switch (cedr_host_kind) {
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

uint64_t cedr_mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

thread *cedr_observed(void) {
  thread *const t = cedr_self;
  atomic_fetch_add_explicit(&t->moves, 1, memory_order_relaxed);
  return t;
}

bool cedr_looked_at(void) {
  return atomic_load_explicit(&cedr_recording, memory_order_relaxed) && !cedr_inside && cedr_self != NULL &&
         !cedr_self->ended;
}

const char *cedr_setting(const char *name) {
  const char *const value = getenv(name);
  return value == NULL || *value == '\0' ? NULL : value;
}

void cedr_read_host_time(void) {
  static const struct {
    const char *name;
    cedr_host_time kind;
  } kinds[] = {{"off", CEDR_HOST_OFF},
               {"fixed", CEDR_HOST_FIXED},
               {"blocks", CEDR_HOST_BLOCKS},
               {"measured", CEDR_HOST_MEASURED}};
  const char *const name = cedr_setting("CEDR_HOST_TIME");
  const char *const figure = cedr_setting("CEDR_HOST_NS");
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
  cedr_host_kind = kinds[i].kind;
  if (cedr_host_kind == CEDR_HOST_FIXED || cedr_host_kind == CEDR_HOST_BLOCKS) {
    char *rest = NULL;
    host_ns = figure == NULL ? 0 : strtod(figure, &rest);
    if (figure == NULL || rest == figure || *rest != '\0' || !(host_ns >= 0 && host_ns <= 1e12)) {
      cedr_fail("CEDR_HOST_TIME=%s needs CEDR_HOST_NS=N, the nanoseconds of a %s: 0 to 10^12; got %s", name,
                cedr_host_kind == CEDR_HOST_FIXED ? "segment between two calls" : "basic block",
                figure == NULL ? "none" : figure);
    }
  } else if (figure != NULL) {
    cedr_fail("CEDR_HOST_NS=%s: CEDR_HOST_TIME=%s takes no figure", figure, name);
  }
  if (cedr_host_kind == CEDR_HOST_MEASURED) {
    clock_bias_ns = UINT64_MAX;
    for (int k = 0; k < 64; ++k) {
      const uint64_t first = cedr_clock_ns();
      const uint64_t passed = cedr_clock_ns() - first;
      clock_bias_ns = passed < clock_bias_ns ? passed : clock_bias_ns;
    }
  }
}
