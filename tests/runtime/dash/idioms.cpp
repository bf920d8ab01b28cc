// How C++ applications wait for their calls.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "programs.h"

namespace {

std::mutex own_mutex;
std::condition_variable own_cond;

cedr_barrier_t barrier_of(uint32_t *counter) {
  return {own_cond.native_handle(), own_mutex.native_handle(), counter};
}

void condition_variable() {
  uint32_t counter = 0;
  cedr_barrier_t barrier = barrier_of(&counter);
  submit(3, &barrier);
  std::unique_lock<std::mutex> lock(own_mutex);
  own_cond.wait(lock, [&] { return counter == 3; });
  lock.unlock();
  block();
}

void wait_for() {
  uint32_t counter = 0;
  cedr_barrier_t barrier = barrier_of(&counter);
  submit(3, &barrier);
  std::unique_lock<std::mutex> lock(own_mutex);
  if (!own_cond.wait_for(lock, std::chrono::minutes(1), [&] { return counter == 3; })) {
    std::exit(4);
  }
}

void wait_until_system_time() {
  uint32_t counter = 0;
  cedr_barrier_t barrier = barrier_of(&counter);
  submit(3, &barrier);
  std::unique_lock<std::mutex> lock(own_mutex);
  const auto at = std::chrono::system_clock::now() + std::chrono::minutes(1);
  if (!own_cond.wait_until(lock, at, [&] { return counter == 3; })) {
    std::exit(4);
  }
}

void std_threads() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([] {
      std::mutex mine;
      std::condition_variable my_cond;
      uint32_t counter = 0;
      cedr_barrier_t barrier = {my_cond.native_handle(), mine.native_handle(), &counter};
      submit(2, &barrier);
      std::unique_lock<std::mutex> lock(mine);
      my_cond.wait(lock, [&] { return counter == 2; });
    });
  }
  for (auto &thread : threads) {
    thread.join();
  }
}

void yields() {
  uint32_t counter = 0;
  cedr_barrier_t barrier = barrier_of(&counter);
  submit(3, &barrier);
  while (look(&counter) != 3) {
    std::this_thread::yield();
  }
}

void sleeps() {
  uint32_t counter = 0;
  cedr_barrier_t barrier = barrier_of(&counter);
  submit(3, &barrier);
  while (look(&counter) != 3) {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

void spins_on_atomic() {
  std::atomic<uint32_t> counter(0);
  cedr_barrier_t barrier = barrier_of(reinterpret_cast<uint32_t *>(&counter));
  submit(3, &barrier);
  while (counter.load(std::memory_order_acquire) != 3) {
  }
}

void locks() {
  uint32_t counter = 0;
  cedr_barrier_t barrier = barrier_of(&counter);
  submit(3, &barrier);
  for (;;) {
    std::lock_guard<std::mutex> guard(own_mutex);
    if (counter == 3) {
      break;
    }
  }
}

struct Late {
  ~Late() { block(); }
};

void static_destructor() {
  static Late late;
  block();
}

void throws() {
  block();
  throw 1;
}

const program programs[] = {
    {"condition_variable", condition_variable},
    {"wait_for", wait_for},
    {"wait_until", wait_until_system_time},
    {"std_threads", std_threads},
    {"yields", yields},
    {"sleeps", sleeps},
    {"spins_on_atomic", spins_on_atomic},
    {"locks", locks},
    {"static_destructor", static_destructor},
    {"throws", throws},
};

}  // namespace

int main(int argc, char **argv) { return run_program(argc, argv, programs, sizeof programs / sizeof programs[0]); }
