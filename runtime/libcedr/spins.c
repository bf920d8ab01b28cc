/* How a wait is seen where a thread spins on its counter and calls nothing: by a thread that looks at the others. */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* What is a spin where watchpoints may not be had: samples of a thread's registers that are few different ones. A loop
 * that computes has others each time. One that calls functions, as unoptimised ones do, is more than a few bytes long,
 * and is looked at longer. */
typedef struct spin_rule {
  uint64_t still_ns; /* without any other sign of it */
  int samples, states;
  uintptr_t bytes; /* of code */
} spin_rule;

static const spin_rule SHORT_LOOP = {CEDR_STILL_NS, 12, 6, 96};
static const spin_rule LONG_LOOP = {10 * (uint64_t)CEDR_STILL_NS, 64, 16, UINTPTR_MAX};

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
    state = cedr_mixed(state, (uint64_t)context->uc_mcontext.gregs[i]);
  }
  place = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  for (int i = 0; i < 31; ++i) {
    state = cedr_mixed(state, context->uc_mcontext.regs[i]);
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
  if (syscall(SYS_tgkill, cedr_own_process, t->id, sample_signal()) != 0) {
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
    t->spin_since = t->still_since = cedr_stamp(t);
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
    t->spin_since = cedr_stamp(t);
    t->spin_from = t->spin_to = place;
  }
}

/* The rule by which a thread is found to spin, or NULL. */
static const spin_rule *spinning(thread *t) {
  follow(t, cedr_clock_ns());
  if (t->spins != NULL && is_spinning(t, t->spins)) {
    return t->spins;
  }
  const uint64_t now_ns = cedr_clock_ns();
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

/* The thread that looks at the others: where one spins, the oldest call it may be waiting for is announced to it. It
 * leaves with the last of them, so that the process ends. */
static void *watch(void *unused) {
  (void)unused;
  bool hurry = false;
  for (;;) {
    pause_ns(hurry ? GAP_NS : TICK_NS);
    hurry = false;
    cedr_lock();
    thread *const first = cedr_threads;
    const bool any = cedr_first_pending != NULL && cedr_recording;
    const bool lives = any_lives(first);
    cedr_unlock();
    if (!lives) {
      return NULL;
    }
    for (thread *t = first; !any && t != NULL; t = t->next) {
      cedr_end_watch(t);
    }
    for (thread *t = any ? first : NULL; t != NULL; t = t->next) {
      if (t->ended || t->calling || t->blocked_on != NULL || t->blocks == NULL) {
        cedr_end_watch(t);
        continue;
      }
      const cedr_watched watched = cedr_watch(t);
      hurry |= watched == CEDR_ANNOUNCED;
      if (watched != CEDR_NOT_WATCHED) {
        continue;
      }
      const spin_rule *const rule = spinning(t);
      if (rule == NULL) {
        continue;
      }
      cedr_lock();
      choice found = cedr_choice_of_thread(t, true, 0);
      if (found.first == NULL) {
        found = cedr_choice_of_thread(t, false, 0);
      }
      found.flags |= CEDR_INFERRED;
      const uint32_t generation = found.first == NULL ? 0 : found.first->generation;
      cedr_unlock();
      const uint64_t until = rule == &SHORT_LOOP ? t->spin_since : t->still_since;
      if (found.first != NULL && cedr_announce_from_outside(t, found, generation, until)) {
        t->spins = rule;
        hurry = true;
      }
    }
  }
}

void cedr_start_watching(void) {
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
