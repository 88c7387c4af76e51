#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bus/joint_bus.hpp"
#include "runtime/supervisor.hpp"

namespace motorium {

/// Owns a bus and the supervisor that takes its torque when the control thread cannot. A caller may exchange
/// both while the control thread runs; that thread picks them up at its next tick and never waits.
class SupervisedBus {
 public:
  explicit SupervisedBus(std::unique_ptr<JointBus> bus) : bus_(std::move(bus)) {}

  // For callers, one at a time; these may block.
  /// Before the control thread starts: makes the supervisor where the servos need one. Throws
  /// std::system_error.
  void start();
  /// After the control thread has ended: frees the port.
  void close() noexcept;
  /// While the control thread runs: closes the port, so that its adapter gets its old name back, calls `open`
  /// and hands the new bus over. If `open` throws, the bus stays closed.
  void exchange(const BusCounters& counters, const std::function<std::unique_ptr<JointBus>()>& open);
  /// See JointBus.
  std::string torque_problem() const { return bus_ ? bus_->torque_problem() : std::string{}; }
  WatchedBy watched_by() const noexcept { return watched_by_; }

  // For the control thread.
  JointBus& bus() noexcept { return *bus_; }
  /// Takes what a caller offers. True when the bus is a new one.
  bool take_exchanged() noexcept;
  /// Whether the supervisor is gone, so that nobody would take the torque if this process died.
  bool supervisor_lost(std::int64_t now_ns) noexcept { return supervisor_ && supervisor_->lost(now_ns); }
  /// Renews the deadline: without another call by `deadline_ns` the supervisor takes the torque. False: it
  /// already has.
  bool arm_deadline(std::int64_t deadline_ns) noexcept {
    return !supervisor_ || supervisor_->arm_deadline(deadline_ns);
  }
  /// Stops supervision, because torque is off. Also forgets a takeover.
  void disarm() noexcept {
    if (supervisor_) supervisor_->disarm();
  }
  /// Whether the supervisor is writing to the bus right now.
  bool supervisor_busy() const noexcept { return supervisor_ && supervisor_->busy(); }

 private:
  /// Carries a bus to the control thread, and the old one back.
  struct Offer {
    std::unique_ptr<JointBus> bus;
    std::unique_ptr<Supervisor> supervisor;
    bool connected = false;
  };
  void hand_over(Offer& offer);

  std::unique_ptr<JointBus> bus_;
  std::unique_ptr<Supervisor> supervisor_;  // must end before the bus goes
  WatchedBy watched_by_ = WatchedBy::nobody;
  std::atomic<Offer*> offered_{nullptr};
};

}  // namespace motorium
