/* Threads that call and wait at random, by a seed. Prints what its record has to say, a line a thread: `random SEED`. */
#include <stdarg.h>

#include "programs.h"

enum { THREADS = 4, DEEDS = 40, MOST_WORDS = 1 << 16 };

typedef struct {
  int number;
  unsigned state;
  int calls; /* so far */
  int plain; /* of them, since the last word */
  char *words;
  size_t length;
  pthread_cond_t cond;
  pthread_mutex_t mutex;
  uint32_t counter;
} caller;

static caller callers[THREADS];

static int random_below(caller *c, int bound) {
  c->state = c->state * 1103515245u + 12345u;
  return (int)((c->state >> 16) % (unsigned)bound);
}

static void say(caller *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  c->length += (size_t)vsnprintf(c->words + c->length, MOST_WORDS - c->length, format, arguments);
  va_end(arguments);
}

static void say_plain(caller *c) {
  if (c->plain > 0) {
    say(c, "S%d ", c->plain);
  }
  c->plain = 0;
}

/* some: the wait is for so many of them; 0: for all. */
static void say_wait(caller *c, int from, int to, int some) {
  say_plain(c);
  say(c, "W");
  if (some > 0) {
    say(c, "%d", some);
  }
  say(c, "(");
  for (int i = from; i < to; ++i) {
    say(c, i > from ? " " : "");
    if (c->number > 0) {
      say(c, "%d.", c->number);
    }
    say(c, "%d", i);
  }
  say(c, ") ");
}

static void call(caller *c) {
  block();
  if (c->number > 0 && c->calls == 0) { /* a thread's first call gives its number, its wait stands alone */
    c->plain = 1;
    say_wait(c, 0, 1, 0);
  } else {
    say_plain(c);
    say(c, "B ");
  }
  ++c->calls;
}

static void submit_some(caller *c, int calls, cedr_barrier_t *barrier) {
  submit(calls, barrier);
  c->calls += calls;
  c->plain += calls;
}

static void wait_for_count(caller *c, uint32_t count) {
  const int way = random_below(c, 6);
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_sec += 60;
  switch (way) {
    case 0:
      pthread_mutex_lock(&c->mutex);
      while (c->counter < count) {
        pthread_cond_wait(&c->cond, &c->mutex);
      }
      pthread_mutex_unlock(&c->mutex);
      break;
    case 1:
      pthread_mutex_lock(&c->mutex);
      while (c->counter < count) {
        pthread_cond_timedwait(&c->cond, &c->mutex, &at);
      }
      pthread_mutex_unlock(&c->mutex);
      break;
    case 2:
      while (look(&c->counter) < count) {
        sched_yield();
      }
      break;
    case 3:
      while (look(&c->counter) < count) {
        usleep(1);
      }
      break;
    case 4:
      while (look(&c->counter) < count) {
        nanosleep(&(struct timespec){0, 1000}, NULL);
      }
      break;
    default:
      for (uint32_t seen = 0; seen < count;) {
        pthread_mutex_lock(&c->mutex);
        seen = c->counter;
        pthread_mutex_unlock(&c->mutex);
      }
  }
}

static void *deeds(void *data) {
  caller *const c = data;
  cedr_barrier_t barrier = {&c->cond, &c->mutex, &c->counter};
  for (int i = 0; i < DEEDS; ++i) {
    switch (random_below(c, 5)) {
      case 0:
        call(c);
        break;
      case 1: /* several at a time, waited for in two parts */
      case 2: {
        const int count = 1 + random_below(c, 9);
        const int part = random_below(c, count);
        const int first = c->calls;
        const uint32_t before = random_below(c, 2) == 0 ? 0 : c->counter;
        c->counter = before;
        submit_some(c, count, &barrier);
        if (part > 0) {
          wait_for_count(c, before + (uint32_t)part);
          say_wait(c, first, first + count, part);
          call(c);
        }
        wait_for_count(c, before + (uint32_t)count);
        say_wait(c, first, first + count, 0);
        break;
      }
      case 3:
        submit_some(c, 1, NULL);
        say_plain(c);
        break;
      default:
        compute_ms(random_below(c, 3));
        pthread_mutex_lock(&c->mutex);
        pthread_mutex_unlock(&c->mutex);
    }
  }
  say_plain(c);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t handles[THREADS];
  const unsigned seed = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
  for (int i = 0; i < THREADS; ++i) {
    caller *const c = &callers[i];
    c->number = i;
    c->state = seed * 7919u + (unsigned)i;
    c->words = calloc(MOST_WORDS, 1);
    pthread_cond_init(&c->cond, NULL);
    pthread_mutex_init(&c->mutex, NULL);
    if (i > 0) {
      say(&callers[0], ">%d ", i);
      pthread_create(&handles[i], NULL, deeds, c);
    }
  }
  deeds(&callers[0]);
  for (int i = 1; i < THREADS; ++i) {
    pthread_join(handles[i], NULL);
    say(&callers[0], "<%d ", i);
  }
  for (int i = 0; i < THREADS; ++i) {
    printf("%sE0\n", callers[i].words);
  }
  return 0;
}
