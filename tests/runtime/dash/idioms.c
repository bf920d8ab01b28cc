/* How applications wait for their calls. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "programs.h"

#define BARRIER(counter) {&cond, &mutex, &(counter)}

static void blocking(void) {
  block();
  block();
  block();
}

static void nothing(void) {}

static void lock_before_the_calls(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  pthread_mutex_lock(&mutex);
  submit(3, &barrier);
  while (counter != 3) {
    pthread_cond_wait(&cond, &mutex);
  }
  pthread_mutex_unlock(&mutex);
  block();
}

static void lock_before_the_wait(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(3, &barrier);
  wait_until(&counter, 3);
  block();
}

static void counter_reset(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  for (int batch = 0; batch < 3; ++batch) {
    counter = 0;
    submit(2, &barrier);
    wait_until(&counter, 2);
  }
}

static void counter_goes_on(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  for (uint32_t batch = 1; batch <= 3; ++batch) {
    submit(2, &barrier);
    wait_until(&counter, 2 * batch);
  }
}

static __attribute__((noinline)) void frame(int calls) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(calls, &barrier);
  wait_until(&counter, (uint32_t)calls);
}

static void frames(void) {
  for (int calls = 1; calls < 4; ++calls) {
    frame(calls);
  }
}

static __attribute__((noinline)) void locked_frame(int calls) {
  pthread_cond_t own_cond;
  pthread_mutex_t own_mutex;
  uint32_t counter = 0;
  pthread_cond_init(&own_cond, NULL);
  pthread_mutex_init(&own_mutex, NULL);
  cedr_barrier_t barrier = {&own_cond, &own_mutex, &counter};
  pthread_mutex_lock(&own_mutex);
  submit(calls, &barrier);
  while (counter != (uint32_t)calls) {
    pthread_cond_wait(&own_cond, &own_mutex);
  }
}

static void frames_never_unlocked(void) {
  for (int calls = 1; calls < 4; ++calls) {
    locked_frame(calls);
  }
}

static void fewer_than_all(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(5, &barrier);
  pthread_mutex_lock(&mutex);
  while (counter < 2) {
    pthread_cond_wait(&cond, &mutex);
  }
  pthread_mutex_unlock(&mutex);
  block();
  wait_until(&counter, 5);
}

static void many(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(1000, &barrier);
  wait_until(&counter, 1000);
}

static struct timespec in_a_minute(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  at.tv_sec += 60;
  return at;
}

static void timed_wait(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(3, &barrier);
  const struct timespec at = in_a_minute(CLOCK_REALTIME);
  pthread_mutex_lock(&mutex);
  while (counter != 3 && pthread_cond_timedwait(&cond, &mutex, &at) == 0) {
  }
  pthread_mutex_unlock(&mutex);
}

static void clock_wait(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(3, &barrier);
  const struct timespec at = in_a_minute(CLOCK_MONOTONIC);
  pthread_mutex_lock(&mutex);
  while (counter != 3 && pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &at) == 0) {
  }
  pthread_mutex_unlock(&mutex);
}

static void recursive_mutex(void) {
  pthread_mutex_t own = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  uint32_t counter = 0;
  cedr_barrier_t barrier = {&cond, &own, &counter};
  pthread_mutex_lock(&own);
  submit(2, &barrier);
  while (counter != 2) {
    pthread_cond_wait(&cond, &own);
  }
  pthread_mutex_unlock(&own);
}

#define POLLING(name, pause)                          \
  static void name(void) {                            \
    uint32_t counter = 0;                             \
    cedr_barrier_t barrier = BARRIER(counter);        \
    submit(4, &barrier);                              \
    while (look(&counter) < 3) {                      \
      pause;                                          \
    }                                                 \
    block();                                          \
    while (look(&counter) != 4) {                     \
      pause;                                          \
    }                                                 \
  }

POLLING(poll_yield, sched_yield())
POLLING(poll_usleep, usleep(100))
POLLING(poll_nanosleep, nanosleep(&(struct timespec){0, 100000}, NULL))
POLLING(poll_clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 100000}, NULL))

static void poll_mutex(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(4, &barrier);
  uint32_t seen = 0;
  while (seen < 3) {
    pthread_mutex_lock(&mutex);
    seen = counter;
    pthread_mutex_unlock(&mutex);
  }
  block();
}

static void poll_mutex_and_sleep(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(4, &barrier);
  uint32_t seen = 0;
  while (seen < 2) {
    pthread_mutex_lock(&mutex);
    seen = counter;
    pthread_mutex_unlock(&mutex);
    if (seen < 2) {
      usleep(100);
    }
  }
  block();
}

static void poll_with_two_sleeps(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(4, &barrier);
  while (look(&counter) < 2) {
    sched_yield();
    usleep(100);
  }
  block();
  for (int polls = 0; look(&counter) != 4; ++polls) { /* in another place after a while */
    if (polls < 3) {
      sched_yield();
    } else {
      usleep(10);
    }
  }
}

static void poll_between_other_locks(void) {
  static uint32_t other_data = 0;
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(4, &barrier);
  uint32_t seen = 0;
  while (seen < 2) {
    pthread_mutex_lock(&mutex);
    seen = counter;
    pthread_mutex_unlock(&mutex);
    pthread_mutex_lock(&mutex);
    ++other_data;
    pthread_mutex_unlock(&mutex);
  }
  block();
}

static void poll_two_mutexes(void) {
  static pthread_cond_t other_cond = PTHREAD_COND_INITIALIZER;
  static pthread_mutex_t other_mutex = PTHREAD_MUTEX_INITIALIZER;
  uint32_t first = 0;
  uint32_t second = 0;
  cedr_barrier_t one = BARRIER(first);
  cedr_barrier_t other = {&other_cond, &other_mutex, &second};
  submit(2, &one);
  submit(2, &other);
  uint32_t seen = 0;
  while (seen < 4) {
    pthread_mutex_lock(&mutex);
    seen = first;
    pthread_mutex_unlock(&mutex);
    pthread_mutex_lock(&other_mutex);
    seen += second;
    pthread_mutex_unlock(&other_mutex);
  }
  block();
}

static void poll_trylock(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(4, &barrier);
  uint32_t seen = 0;
  while (seen < 3) {
    if (pthread_mutex_trylock(&mutex) == 0) {
      seen = counter;
      pthread_mutex_unlock(&mutex);
    }
  }
  block();
}

static void spin(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(4, &barrier);
  while (look(&counter) < 3) {
  }
  block();
}

static void spin_that_counts(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  unsigned long rounds = 0;
  submit(4, &barrier);
  while (look(&counter) < 3) {
    ++rounds;
  }
  block();
  submit((int)(rounds == 0), &barrier);
}

static void spin_with_a_deadline(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  struct timespec begin, now;
  submit(3, &barrier);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (look(&counter) < 3 && now.tv_sec - begin.tv_sec < 30);
  block();
}

/* It waits for the last of more barriers than a processor has watchpoints. */
static void spin_on_one_of_many(void) {
  uint32_t counters[10] = {0};
  for (int i = 0; i < 10; ++i) {
    submit(1, &(cedr_barrier_t)BARRIER(counters[i]));
  }
  for (int i = 9; i >= 8; --i) {
    for (unsigned long rounds = 0; look(&counters[i]) < 1; ++rounds) {
    }
  }
  block();
}

/* What a system that lets nobody count events answers, to all threads. */
static void refuse_watchpoints(void) {
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {.len = sizeof rules / sizeof rules[0], .filter = rules};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0) {
    abort();
  }
}

static void spin_without_watchpoints(void) {
  refuse_watchpoints();
  spin();
}

static void long_work_before_the_wait(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(3, &barrier);
  work(40000000);
  block();
  compute_ms(80);
  wait_until(&counter, 3);
}

static void long_work_without_watchpoints(void) {
  refuse_watchpoints();
  long_work_before_the_wait();
}

static void sleep_before_the_wait(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(3, &barrier);
  usleep(60000);
  block();
  wait_until(&counter, 3);
}

static void if_not_while(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(3, &barrier);
  pthread_mutex_lock(&mutex);
  if (counter != 3) {
    pthread_cond_wait(&cond, &mutex);
  }
  pthread_mutex_unlock(&mutex);
  block();
}

static void orphaned(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  submit(3, &barrier);
  block();
}

static void destroyed(void) {
  pthread_cond_t own;
  uint32_t counter = 0;
  pthread_cond_init(&own, NULL);
  cedr_barrier_t barrier = {&own, &mutex, &counter};
  submit(3, &barrier);
  pthread_cond_destroy(&own);
  usleep(1);
  usleep(1);
  usleep(1);
  pthread_cond_init(&own, NULL);
  counter = 0;
  submit(1, &barrier);
  pthread_mutex_lock(&mutex);
  while (counter != 1) {
    pthread_cond_wait(&own, &mutex);
  }
  pthread_mutex_unlock(&mutex);
}

static void detached(void) {
  submit(2, NULL);
  block();
}

static void two_counters_on_one_condition(void) {
  uint32_t first = 0;
  uint32_t second = 0;
  cedr_barrier_t one = BARRIER(first);
  cedr_barrier_t other = BARRIER(second);
  submit(2, &one);
  submit(2, &other);
  wait_until(&second, 2);
  block();
  wait_until(&first, 2);
}

static void uncounted_calls(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  size_t rows = 4;
  size_t cols = 4;
  bool conjugate = false;
  submit(2, &barrier);
  DASH_BLAS_TRANSPOSE_flt_nb(&input, &output, &rows, &cols, &conjugate, &barrier);
  DASH_BLAS_MADD_flt_nb(&input, &input, &output, &rows, &cols, &barrier);
  submit(1, &barrier);
  wait_until(&counter, 5);
  DASH_BLAS_MSUB_flt(input, input, output, 4, 4);
}

static void by_enqueue_kernel(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  zip_op_t op = CMP_MULT;
  enqueue_kernel("DASH_FFT", "flt", 5, &input, &output, &size, &forward, &barrier);
  enqueue_kernel("DASH_ZIP", "flt", 6, &input, &input, &output, &size, &op, &barrier);
  wait_until(&counter, 2);
}

static void every_kind_of_call(void) {
  static dash_cmplx_int_type a[16], b[16], c[16];
  static dash_re_flt_type signs[16];
  static int numbers[16];
  static dash_re_int_type image[12], blurred[12];
  static dash_re_flt_type mask[9], taps[3], smooth[16];
  dash_re_flt_type line[16] = {0};
  b[0].re = 1;
  DASH_ZIP_flt(input, input, output, 16, ADD);
  DASH_ZIP_flt(input, input, output, 16, SUB);
  DASH_ZIP_flt(input, input, output, 16, MULT);
  DASH_ZIP_flt(input, input, output, 16, DIV);
  DASH_ZIP_flt(input, input, output, 16, CMP_MULT);
  DASH_ZIP_int(a, b, c, 1, ZIP_DIV);
  DASH_FFT_flt(input, output, 8, true);
  DASH_FFT_flt(input, output, 8, false);
  DASH_FFT_int(a, c, 16, true);
  DASH_GEMM_flt(input, input, output, 2, 3, 4);
  DASH_GEMM_int(a, b, c, 2, 3, 4);
  DASH_BPSK_flt(input, signs, 16);
  DASH_QAM16_flt(input, numbers, 16);
  DASH_CONV_2D_int(image, 3, 4, mask, 3, blurred);
  DASH_CONV_1D_flt(line, 16, taps, 3, smooth);
}

/* ---- threads ---- */

static void *two_blocking(void *unused) {
  block();
  block();
  return unused;
}

static void *own_barrier(void *unused) {
  pthread_cond_t own_cond = PTHREAD_COND_INITIALIZER;
  pthread_mutex_t own_mutex = PTHREAD_MUTEX_INITIALIZER;
  uint32_t counter = 0;
  cedr_barrier_t barrier = {&own_cond, &own_mutex, &counter};
  submit(3, &barrier);
  pthread_mutex_lock(&own_mutex);
  while (counter != 3) {
    pthread_cond_wait(&own_cond, &own_mutex);
  }
  pthread_mutex_unlock(&own_mutex);
  return unused;
}

static void in_threads(int count, void *(*routine)(void *)) {
  pthread_t handles[4];
  for (int i = 0; i < count; ++i) {
    pthread_create(&handles[i], NULL, routine, NULL);
  }
  for (int i = 0; i < count; ++i) {
    pthread_join(handles[i], NULL);
  }
}

static void threads_blocking(void) {
  in_threads(4, two_blocking);
}

static void threads_with_barriers(void) {
  in_threads(4, own_barrier);
}

static uint32_t shared_counter;
static cedr_barrier_t shared = BARRIER(shared_counter);

static void *submits_to_shared(void *unused) {
  submit(2, &shared);
  return unused;
}

static void *submits_to_shared_with_lock(void *unused) {
  for (int i = 0; i < 2; ++i) {
    pthread_mutex_lock(&mutex);
    submit(1, &shared);
    pthread_mutex_unlock(&mutex);
  }
  return unused;
}

static void shared_barrier(void) {
  in_threads(3, submits_to_shared);
  submit(1, &shared);
  wait_until(&shared_counter, 7);
}

static void shared_barrier_while_waiting(void) {
  pthread_t handles[3];
  for (int i = 0; i < 3; ++i) {
    pthread_create(&handles[i], NULL, submits_to_shared_with_lock, NULL);
  }
  wait_until(&shared_counter, 6);
  for (int i = 0; i < 3; ++i) {
    pthread_join(handles[i], NULL);
  }
}

static void *waits_for_three(void *unused) {
  wait_until(&shared_counter, 3);
  block();
  return unused;
}

static void waiter_before_the_calls(void) {
  pthread_t waiter;
  pthread_create(&waiter, NULL, waits_for_three, NULL);
  compute_ms(30);
  submit(3, &shared);
  pthread_join(waiter, NULL);
  block();
}

static void two_waiters(void) {
  pthread_t waiter;
  submit(3, &shared);
  pthread_create(&waiter, NULL, waits_for_three, NULL);
  wait_until(&shared_counter, 3);
  pthread_join(waiter, NULL);
}

static void *spins_for_three(void *unused) {
  while (look(&shared_counter) != 3) {
  }
  block();
  return unused;
}

static void spinning_thread(void) {
  submit(3, &shared);
  in_threads(1, spins_for_three);
}

static void spinning_thread_without_watchpoints(void) {
  refuse_watchpoints();
  spinning_thread();
}

static pthread_barrier_t meeting;

static void *meets_twice(void *unused) {
  block();
  pthread_barrier_wait(&meeting);
  pthread_barrier_wait(&meeting);
  block();
  return unused;
}

static void threads_meet_at_a_barrier(void) {
  pthread_t handle;
  pthread_barrier_init(&meeting, NULL, 2);
  pthread_create(&handle, NULL, meets_twice, NULL);
  block();
  pthread_barrier_wait(&meeting);
  block();
  pthread_barrier_wait(&meeting);
  pthread_join(handle, NULL);
}

static sem_t full, empty;

static void *consumes(void *unused) {
  for (int i = 0; i < 3; ++i) {
    const struct timespec deadline = {.tv_sec = INT32_MAX};
    while (i == 0 ? sem_wait(&full) != 0 : i == 1 ? sem_trywait(&full) != 0 : sem_timedwait(&full, &deadline) != 0) {
    }
    block();
    sem_post(&empty);
  }
  return unused;
}

static void semaphores(void) {
  pthread_t handle;
  sem_init(&full, 0, 0);
  sem_init(&empty, 0, 1);
  pthread_create(&handle, NULL, consumes, NULL);
  for (int i = 0; i < 3; ++i) {
    sem_wait(&empty);
    block();
    sem_post(&full);
  }
  pthread_join(handle, NULL);
}

static void *polls_for_three(void *unused) {
  while (look(&shared_counter) != 3) {
    usleep(1000);
  }
  block();
  return unused;
}

static void polling_thread(void) {
  submit(3, &shared);
  in_threads(1, polls_for_three);
}

static void *calls_and_leaves(void *unused) {
  block();
  pthread_exit(unused);
}

static void thread_exit(void) {
  in_threads(2, calls_and_leaves);
}

static void *calls_for_ever(void *unused) {
  block();
  for (;;) {
    pause();
  }
  return unused;
}

static void cancelled(void) {
  pthread_t handle;
  pthread_create(&handle, NULL, calls_for_ever, NULL);
  compute_ms(20);
  pthread_cancel(handle);
  pthread_join(handle, NULL);
}

static void *outlives_main(void *unused) {
  compute_ms(20);
  block();
  return unused;
}

static void main_leaves_first(void) {
  pthread_t handle;
  pthread_create(&handle, NULL, outlives_main, NULL);
  block();
  pthread_exit(NULL);
}

static void *computes_for_ever(void *unused) {
  for (;;) {
    pause();
  }
  return unused;
}

static void thread_never_ends(void) {
  pthread_t handle;
  pthread_create(&handle, NULL, computes_for_ever, NULL);
  block();
}

static void *holds_the_mutex(void *unused) {
  pthread_mutex_lock(&mutex);
  shared_counter = 1;
  usleep(1000000);
  pthread_mutex_unlock(&mutex);
  return unused;
}

static void waits_for_a_mutex(void) {
  pthread_t handle;
  pthread_create(&handle, NULL, holds_the_mutex, NULL);
  block();
  while (look(&shared_counter) == 0) {
  }
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  block();
  pthread_join(handle, NULL);
}

/* ---- ends ---- */

static void exits(void) {
  block();
  exit(0);
}

static void exits_with_three(void) {
  block();
  exit(3);
}

static void exits_at_once(void) {
  block();
  _exit(0);
}

static void aborts(void) {
  block();
  abort();
}

static void crashes(void) {
  block();
  raise(SIGSEGV);
}

static void is_killed(void) {
  block();
  kill(getpid(), SIGKILL);
}

static void *exits_from_a_thread(void *unused) {
  block();
  exit(0);
  return unused;
}

static void thread_exits_the_process(void) {
  in_threads(1, exits_from_a_thread);
}

static void forks(void) {
  uint32_t counter = 0;
  cedr_barrier_t barrier = BARRIER(counter);
  lock_before_the_calls();
  submit(2, &barrier);
  const pid_t child = fork();
  if (child == 0) {
    wait_until(&counter, 2);
    submit(1, &barrier);
    wait_until(&counter, 3);
    lock_before_the_calls(); /* the child's mutex is known to be its own */
    exit(5);
  }
  int status = 0;
  waitpid(child, &status, 0);
  wait_until(&counter, 2);
  printf("%d\n", WEXITSTATUS(status));
}

static const char *executable;

static void starts_another(void) {
  char command[4096];
  block();
  snprintf(command, sizeof command, "'%s' exits_with_three", executable);
  const int status = system(command);
  printf("%d\n", WEXITSTATUS(status));
  block();
}

static void prints_and_writes(void) {
  FILE *file = fopen("written.txt", "w");
  if (file != NULL) {
    fprintf(file, "a file\n");
    fclose(file);
  }
  printf("printed\n");
  block();
}

#define P(name) {#name, name}

static const program programs[] = {
    P(blocking), P(nothing), P(lock_before_the_calls), P(lock_before_the_wait), P(counter_reset), P(counter_goes_on),
    P(frames), P(frames_never_unlocked), P(fewer_than_all), P(many), P(timed_wait), P(clock_wait), P(recursive_mutex),
    P(poll_yield), P(poll_usleep), P(poll_nanosleep), P(poll_clock_nanosleep), P(poll_mutex), P(poll_mutex_and_sleep),
    P(poll_with_two_sleeps), P(poll_between_other_locks),
    P(poll_two_mutexes), P(poll_trylock), P(spin), P(spin_that_counts), P(spin_with_a_deadline),
    P(spin_on_one_of_many), P(spin_without_watchpoints), P(spinning_thread_without_watchpoints),
    P(long_work_without_watchpoints),
    P(long_work_before_the_wait), P(sleep_before_the_wait), P(if_not_while), P(orphaned), P(destroyed), P(detached),
    P(two_counters_on_one_condition), P(uncounted_calls), P(by_enqueue_kernel), P(every_kind_of_call),
    P(threads_blocking), P(threads_with_barriers), P(shared_barrier), P(shared_barrier_while_waiting),
    P(waiter_before_the_calls), P(two_waiters), P(spinning_thread), P(polling_thread),
    P(threads_meet_at_a_barrier), P(semaphores), P(thread_exit), P(cancelled),
    P(main_leaves_first), P(thread_never_ends), P(waits_for_a_mutex), P(exits), P(exits_with_three),
    P(exits_at_once), P(aborts), P(crashes), P(is_killed),
    P(thread_exits_the_process), P(forks), P(starts_another), P(prints_and_writes),
};

int main(int argc, char **argv) {
  executable = argv[0];
  return run_program(argc, argv, programs, sizeof programs / sizeof programs[0]);
}
