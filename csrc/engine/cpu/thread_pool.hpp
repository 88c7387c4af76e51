#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace motorium {

/// A fixed number of threads for loops of independent parts. Workers spin for some microseconds after a loop,
/// because the next one of the same network follows soon, and then sleep. A loop never waits for a worker
/// that has not joined it: on a busy machine the caller does all parts itself.
class ThreadPool {
 public:
  /// `threads` includes the caller's. Workers are pinned to `cpus` in turn; empty: not pinned. Throws
  /// std::invalid_argument (0 or more than 64 threads, a CPU that this process may not use),
  /// std::system_error.
  explicit ThreadPool(std::size_t threads, const std::vector<int>& cpus = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const noexcept { return workers_.size() + 1; }

  /// Calls work(part, thread) once for every part below `parts`, thread < threads(); returns when all are
  /// done. One caller at a time. Parts are handed out one by one, so they should outnumber the threads.
  template <typename Work>
  void run(std::size_t parts, const Work& work) noexcept {
    if (workers_.empty() || parts < 2) {
      for (std::size_t part = 0; part < parts; ++part) work(part, std::size_t{0});
      return;
    }
    share([](const void* context, std::size_t part,
             std::size_t thread) noexcept { (*static_cast<const Work*>(context))(part, thread); },
          &work, parts);
  }

 private:
  using Call = void (*)(const void*, std::size_t part, std::size_t thread) noexcept;
  // state_: number of workers inside the current loop, whether others may still join, and the loop's number.
  static constexpr std::uint32_t kInside = 0xffu, kOpen = 0x100u, kNumber = 0x200u;

  void stop() noexcept;
  void share(Call call, const void* context, std::size_t parts) noexcept;
  void serve(std::size_t thread) noexcept;
  void work_parts(std::size_t thread) noexcept;
  std::uint32_t await_loop(std::uint32_t seen) const noexcept;

  alignas(64) std::atomic<std::uint32_t> state_{0};
  alignas(64) std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopping_{false};
  Call call_ = nullptr;  // these three are written while no worker is inside
  const void* context_ = nullptr;
  std::size_t parts_ = 0;
  bool spins_;
  std::vector<std::thread> workers_;
};

}  // namespace motorium
