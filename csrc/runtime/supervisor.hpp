#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "bus/joint_bus.hpp"

namespace motorium {

/// Takes an arm's torque away, step by step, from a process of its own, when the control thread's heartbeat
/// stops: its process was killed, was stopped, or hangs. Servos without a watchdog would otherwise hold their
/// last goal with full torque for ever.
///
/// The process is forked before the arm has torque. It shares one page with the control thread, and the open
/// port; it has its own session, closes every other descriptor, blocks every signal that can be blocked, and
/// ends with its parent. Each watches the other: the control thread learns within a second that the
/// supervisor is gone.
class Supervisor {
 public:
  /// Throws std::system_error when the process cannot be made.
  explicit Supervisor(const ShutdownSequence& sequence);
  /// Waits up to a second for a stopped or hung supervisor, then kills it.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Control thread; none of these blocks.
  /// Sends a heartbeat; the next is due by `deadline_ns` (CLOCK_MONOTONIC). False: the supervisor has taken
  /// the torque.
  bool arm_deadline(std::int64_t deadline_ns) noexcept;
  /// Whether it has ended, or has been silent for a second during which this thread ran. Stays true.
  bool lost(std::int64_t now_ns) noexcept;
  /// Stops watching: torque is off. Also forgets a takeover.
  void disarm() noexcept;
  /// Whether it is writing to the bus right now.
  bool busy() const noexcept { return page_->busy.load(std::memory_order_acquire); }

 private:
  struct Page {
    std::atomic<std::int64_t> deadline_ns{0};
    std::atomic<std::uint64_t> beats{0};  // the child's heartbeat
    std::atomic<bool> busy{false}, leave{false};
  };
  static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

  [[noreturn]] static void watch(Page& page, const ShutdownSequence& sequence, pid_t parent) noexcept;

  static void sleep_and_beat(Page& page, std::int64_t ns) noexcept;
  bool ended() const noexcept;

  Page* page_;
  pid_t child_ = -1, parent_;
  std::uint64_t last_beat_ = 0;
  std::int64_t looked_ns_ = 0, silent_ns_ = 0;
  bool lost_ = false;
};

}  // namespace motorium
