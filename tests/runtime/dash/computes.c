/* Code between calls whose basic blocks are always as many; `argv[2]` more of them in front of the last call. */
#include "programs.h"

int main(int argc, char **argv) {
  const int more = argc > 2 ? atoi(argv[2]) : 0;
  volatile int sum = 0;
  uint32_t counter = 0;
  cedr_barrier_t barrier = {&cond, &mutex, &counter};
  for (int i = 0; i < 1000; ++i) {
    sum += i;
  }
  block();
  submit(3, &barrier);
  for (int i = 0; i < 100; ++i) {
    sum += i;
  }
  wait_until(&counter, 3);
  for (int i = 0; i < more; ++i) {
    sum += i;
  }
  block();
  return 0;
}
