/* Runs applications as CEDR's daemon does: each shared object is loaded once, and its main is called in a thread of its own
 * for every instance, all in this process.
 *
 *   host APPLICATION.so HOW...      HOW: once (an instance alone), two (two of them at once)
 *
 * Prints the exit status of each instance. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int entry(int argc, char **argv, char **environment);

#ifdef RECORDED /* a library that knows threads by itself */
static void dash_application_thread(void) {
}
#else
void dash_application_thread(void);
#endif

typedef struct {
  entry *main;
  int status;
} instance;

static void *run(void *argument) {
  instance *const self = argument;
  char *const name = strdup("cedr_app");
  char **const argv = malloc(sizeof *argv); /* and no more */
  argv[0] = name;
  dash_application_thread();
  self->status = self->main(1, argv, NULL);
  free(argv);
  free(name);
  return NULL;
}

int main(int argc, char **argv) {
  void *const handle = dlopen(argv[1], RTLD_LAZY);
  if (handle == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  entry *start;
  *(void **)&start = dlsym(handle, "main");
  for (int i = 2; i < argc; ++i) {
    const int count = strcmp(argv[i], "two") == 0 ? 2 : 1;
    instance instances[2] = {{start, -1}, {start, -1}};
    pthread_t threads[2];
    for (int k = 0; k < count; ++k) {
      pthread_create(&threads[k], NULL, run, &instances[k]);
    }
    for (int k = 0; k < count; ++k) {
      pthread_join(threads[k], NULL);
      printf("%d\n", instances[k].status);
    }
  }
  return 0;
}
