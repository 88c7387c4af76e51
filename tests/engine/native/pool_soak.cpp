// Many short loops on a pool, from a caller that is sometimes slow, for ThreadSanitizer. Exit status 0 when
// every part of every loop was done once and its result was visible to the caller.
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "engine/cpu/thread_pool.hpp"

int main() {
  long wrong = 0;
  for (const std::size_t threads : {1u, 2u, 3u, 5u}) {
    motorium::ThreadPool pool(threads);
    std::vector<int> done(64);  // plain integers: the pool alone orders them
    std::vector<int> by_thread(threads);
    int expected = 0;
    for (int loop = 0; loop < 600; ++loop) {
      const std::size_t parts = static_cast<std::size_t>(loop) % 65;
      pool.run(parts, [&](std::size_t part, std::size_t thread) noexcept {
        ++done[part];
        ++by_thread[thread];
      });
      for (std::size_t part = 0; part < parts; ++part) wrong += done[part] != 1, done[part] = 0;
      expected += static_cast<int>(parts);
      if (loop % 100 == 99) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // let workers park
    }
    int total = 0;
    for (const int count : by_thread) total += count;
    wrong += total != expected;
  }
  for (int i = 0; i < 20; ++i) motorium::ThreadPool idle(4);  // ends without ever having worked
  std::printf("wrong: %ld\n", wrong);
  return wrong == 0 ? 0 : 1;
}
