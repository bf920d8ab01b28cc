/* What becomes of a C or C++ application's calls: computed, recorded, or compared with a record.
 *
 * A call is computed before it returns, in every mode. The counter of a non-blocking call's barrier goes up at once
 * when CEDR_MODE is run. When it is record or execute, that is held back until the application is seen to wait: then
 * the oldest call of the barrier is announced, as if it had ended just then. The application looks at its counter and
 * waits again or goes on, so what was announced is what it has waited for. It is seen to wait by the functions of libc
 * that it calls, which are defined here again, and if it calls none, by a thread that samples where it is.
 *
 * libcedr for applications is built from cedr.c, process.c, io.c, calls.c, arithmetic.c, record.c, dash.c and those
 * that recorder.h names:
 *
 *   libcedr.so   -std=c11 -pthread -fPIC -shared, linked with -lm -ldl; it has to come before libc on the link line
 *                of the application, or of the program that loads it (-Wl,--no-as-needed -lcedr): a check at the start
 *                says so
 *   libcedr.a    the same objects, for applications that are linked with libc.so
 *   static       for -static, these with -DCEDR_WRAP, and -Wl,--wrap=NAME at the application's link for each NAME of
 *                CEDR_SEEN in recorder.h; not to be used otherwise
 *
 * The environment: CEDR_MODE, CEDR_RECORD, and for record CEDR_HOST_TIME=off (default), fixed, blocks or measured,
 * with CEDR_HOST_NS=N for the first two that need a figure: nanoseconds before each event, nanoseconds of a basic
 * block (the application is compiled with -fsanitize-coverage=trace-pc). Programs that a recorded one starts run.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

cedr_mode cedr_current_mode;
_Atomic bool cedr_recording;
pid_t cedr_own_process;
cedr_record cedr_record_file;

static void before_fork(void) {
  cedr_lock();
}

static void after_fork(void) {
  cedr_unlock();
}

/* A forked child runs: what was held back is announced, to the one thread that there is. */
static void in_child(void) {
  for (barrier *b = cedr_first_pending; cedr_recording && b != NULL; b = b->next_pending) {
    if (cedr_self != NULL && *b->counter == b->left) {
      *b->counter += (uint32_t)(b->count - b->announced);
    }
  }
  cedr_recording = false;
  cedr_current_mode = CEDR_RUN;
  cedr_own_process = getpid();
  cedr_unlock();
}

/* The process ends by a message. Where that is about the record itself, it has no END. */
static void on_failure(void) {
  if (cedr_locked) {
    cedr_recording = false;
    cedr_record_close(&cedr_record_file, true);
    cedr_unlock();
  }
}

static void on_process_end(int status, void *unused) {
  (void)unused;
  if (!cedr_recording || cedr_own_process != getpid()) {
    return;
  }
  cedr_lock();
  cedr_recording = false;
  if (cedr_current_mode == CEDR_RECORD && cedr_self != NULL) {
    cedr_end_thread(cedr_self, (uint16_t)(status & 0xff));
  }
  if (cedr_current_mode == CEDR_RECORD || status == 0) {
    cedr_end_thread(&cedr_main_thread, (uint16_t)(status & 0xff));
  }
  cedr_record_close(&cedr_record_file, status != 0);
  cedr_unlock();
}

/* Whether the functions of waits.c are those that the program calls. */
static void check_link_order(void) {
#ifndef CEDR_WRAP
  if (dlsym(RTLD_DEFAULT, "pthread_cond_wait") != (void *)(uintptr_t)pthread_cond_wait) {
    cedr_fail("libcedr stands behind libc in the program's search order, so its waits cannot be seen: put -lcedr "
              "before libc on the link line of the executable (-Wl,--no-as-needed -lcedr), or set LD_PRELOAD to libcedr.so");
  }
#endif
}

__attribute__((constructor(101))) static void start(void) {
  cedr_set_program(program_invocation_short_name);
  cedr_own_process = getpid();
  pthread_atfork(before_fork, after_fork, in_child);
  const char *const name = cedr_setting("CEDR_MODE");
  if (name == NULL || strcmp(name, "run") == 0) {
    return;
  }
  if (strcmp(name, "record") != 0 && strcmp(name, "execute") != 0) {
    cedr_fail("CEDR_MODE=%s: the modes are run, record, execute", name);
  }
  const char *const path = cedr_setting("CEDR_RECORD");
  if (path == NULL) {
    cedr_fail("CEDR_MODE=%s needs CEDR_RECORD=FILE", name);
  }
  check_link_order();
  if (strcmp(name, "record") == 0) {
    cedr_current_mode = CEDR_RECORD;
    cedr_read_host_time();
    cedr_record_create(&cedr_record_file, strdup(path), cedr_host_kind);
  } else {
    cedr_current_mode = CEDR_EXECUTE;
    cedr_record_open(&cedr_record_file, strdup(path));
  }
  setenv("CEDR_MODE", "run", 1);
  cedr_before_failing(on_failure);
  on_exit(on_process_end, NULL);
  cedr_begin_main_thread();
  cedr_start_watching();
  cedr_main_thread.since = cedr_stamp(&cedr_main_thread);
  cedr_recording = true;
}
