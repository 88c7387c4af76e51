#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "bus/joint_bus.hpp"

namespace motorium {

/// A process of its own that takes an arm's torque away, step by step, when the control thread no longer says
/// that it lives: because its process was killed, stopped, or stands still. Servos without a watchdog of
/// their own would hold their last goal with full torque for ever.
///
/// The process is forked before the arm has torque. It shares one page with the control thread and the open
/// port, has a session of its own, keeps nothing else open, blocks every signal that can be blocked, and ends
/// with its parent. Each watches the other: the control thread learns within a second that it is gone.
class Supervisor {
 public:
  /// Throws std::system_error when no process can be made.
  explicit Supervisor(const ShutdownSequence& sequence);
  /// Waits a second for one that is stopped or hung, then kills it.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Control thread; none of these waits.
  /// Next heartbeat by `deadline_ns` (CLOCK_MONOTONIC) at the latest. False: the torque has been taken.
  bool arm_deadline(std::int64_t deadline_ns) noexcept;
  /// It has ended, or has said nothing for a second in which this thread ran: stopped, or hung. Stays true.
  bool lost(std::int64_t now_ns) noexcept;
  /// No torque, nothing to watch. A takeover is forgotten.
  void disarm() noexcept;
  /// It is writing to the bus right now.
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
