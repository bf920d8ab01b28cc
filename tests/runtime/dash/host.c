/* Loads an application that is a shared object, and calls its main. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *const application = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  int (*run)(int, char **) = NULL;
  if (application != NULL) {
    *(void **)&run = dlsym(application, "main");
  }
  if (run == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  return run(argc - 1, argv + 1);
}
