#include "engine/cpu/thread_pool.hpp"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

#include <chrono>
#include <stdexcept>
#include <string>

namespace motorium {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::microseconds kSpin{50};  // longer than the gap between two products of one network

void pause_briefly() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins until done() or until the time is up.
template <typename Done>
bool spin_until(const Done& done) noexcept {
  const Clock::time_point end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (Clock::now() < end);
  return done();
}

void check_cpus(const std::vector<int>& cpus) {
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(static_cast<std::size_t>(cpu), &allowed))
      throw std::invalid_argument("CPU " + std::to_string(cpu) + " is not one this process may use");
  }
#else
  if (!cpus.empty()) throw std::invalid_argument("threads can be pinned to CPUs on Linux only");
#endif
}

void pin(std::thread& thread, int cpu) {
#if defined(__linux__)
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  pthread_setaffinity_np(thread.native_handle(), sizeof one, &one);
#else
  static_cast<void>(thread);
  static_cast<void>(cpu);
#endif
}

}  // namespace

ThreadPool::ThreadPool(std::size_t threads, const std::vector<int>& cpus)
    : spins_(threads <= std::thread::hardware_concurrency()) {
  if (threads == 0 || threads > 64) throw std::invalid_argument("threads must be 1..64");
  check_cpus(cpus);
  try {
    for (std::size_t thread = 1; thread < threads; ++thread) {
      workers_.emplace_back([this, thread] { serve(thread); });
      if (!cpus.empty()) pin(workers_.back(), cpus[(thread - 1) % cpus.size()]);
    }
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  state_.fetch_add(kNumber, std::memory_order_release);
  state_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::work_parts(std::size_t thread) noexcept {
  for (;;) {
    const std::size_t part = next_.fetch_add(1, std::memory_order_relaxed);
    if (part >= parts_) return;
    call_(context_, part, thread);
  }
}

void ThreadPool::share(Call call, const void* context, std::size_t parts) noexcept {
  call_ = call;
  context_ = context;
  parts_ = parts;
  next_.store(0, std::memory_order_relaxed);
  const std::uint32_t number = (state_.load(std::memory_order_relaxed) / kNumber + 1) * kNumber;
  state_.store(number | kOpen, std::memory_order_release);
  state_.notify_all();
  work_parts(0);
  // All parts are taken: nobody may join any more, and the workers inside are on their last part.
  std::uint32_t state = state_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  const auto empty = [&]() noexcept {
    state = state_.load(std::memory_order_acquire);
    return (state & kInside) == 0;
  };
  if (empty() || (spins_ && spin_until(empty))) return;
  while (!empty()) state_.wait(state, std::memory_order_acquire);
}

std::uint32_t ThreadPool::await_loop(std::uint32_t seen) const noexcept {
  std::uint32_t state = 0;
  const auto changed = [&]() noexcept {
    state = state_.load(std::memory_order_acquire);
    return state / kNumber != seen / kNumber;
  };
  if (spins_ && spin_until(changed)) return state;
  while (!changed()) state_.wait(state, std::memory_order_acquire);
  return state;
}

void ThreadPool::serve(std::size_t thread) noexcept {
  std::uint32_t seen = 0;
  for (;;) {
    std::uint32_t state = await_loop(seen);
    if (stopping_.load(std::memory_order_relaxed)) return;
    seen = state;
    bool inside = false;
    while (!inside && (state & kOpen) != 0) {
      inside = state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel);
    }
    if (!inside) continue;
    seen = state;  // the loop that this worker joined may be a later one
    work_parts(thread);
    if ((state_.fetch_sub(1, std::memory_order_acq_rel) - 1) % kNumber == 0) state_.notify_all();
  }
}

}  // namespace motorium
