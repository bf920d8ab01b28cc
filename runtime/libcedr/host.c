/* Runs an application that is a shared object: loads it and calls its main, in a process of its own.
 *
 *   cedr-host FILE.so [ARGUMENT]...
 *
 * It is linked with libcedr.so before libc, so that what the shared object calls is libcedr's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

int main(int argc, char **argv) {
  if (argc < 2) {
    cedr_fail("needs the file of a shared object");
  }
  const char *const slash = strrchr(argv[1], '/');
  cedr_set_program(slash == NULL ? argv[1] : slash + 1);
  char *const path = realpath(argv[1], NULL); /* dlopen() looks for a bare name elsewhere */
  if (path == NULL) {
    cedr_fail("%s: %s", argv[1], strerror(errno));
  }
  void *const application = dlopen(path, RTLD_LAZY | RTLD_GLOBAL); /* as CEDR loads it */
  if (application == NULL) {
    cedr_fail("%s", dlerror());
  }
  int (*application_main)(int, char **, char **) = NULL;
  *(void **)&application_main = dlsym(application, "main");
  Dl_info found;
  if (application_main == NULL || dladdr(*(void **)&application_main, &found) == 0 ||
      strcmp(found.dli_fname, path) != 0) {
    cedr_fail("no function main in it");
  }
  return application_main(argc - 1, argv + 1, environ);
}
