/* What becomes of a C or C++ application's calls.
 *
 * libcedr for applications (libcedr.so, libcedr.a) is built from cedr.c io.c calls.c arithmetic.c dash.c application.c with
 * -std=c11 -pthread -fPIC, and linked with -lm -ldl -pthread. It must come before libc on an application's link line.
 */
#define _GNU_SOURCE
#include "application.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

bool cedr_recording;

static pid_t own_id(void) {
  static _Thread_local pid_t id;
  if (id == 0) {
    id = (pid_t)syscall(SYS_gettid);
  }
  return id;
}

static bool owns(const pthread_mutex_t *mutex) {
  return mutex->__data.__owner == own_id();
}

static void announce(const cedr_barrier_t *barrier) {
  const bool owned = owns(barrier->mutex);
  if (!owned) {
    pthread_mutex_lock(barrier->mutex);
  }
  ++*barrier->completion_ctr;
  pthread_cond_broadcast(barrier->cond);
  if (!owned) {
    pthread_mutex_unlock(barrier->mutex);
  }
}

void cedr_call_begin(void) {}

void cedr_call_end(const cedr_call_class *call, cedr_completion completion) {
  (void)call;
  cedr_call_end_uncounted(completion);
}

void cedr_call_end_uncounted(cedr_completion completion) {
  if (completion.barrier != NULL) {
    announce(completion.barrier);
  }
}

__attribute__((constructor)) static void start(void) {
  cedr_set_program(program_invocation_short_name);
}
