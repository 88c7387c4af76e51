#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bus/joint_bus.hpp"
#include "runtime/supervisor.hpp"

namespace motorium {

/// A bus and the supervisor that takes its torque where the control thread no longer can. A caller exchanges
/// both while the control thread runs, which takes what is offered at its next tick and never waits.
class SupervisedBus {
 public:
  explicit SupervisedBus(std::unique_ptr<JointBus> bus) : bus_(std::move(bus)) {}

  // Callers, one at a time; these may wait.
  /// Before the control thread: makes the supervisor where the servos need one. Throws std::system_error.
  void start();
  /// After it: the port is free from here on.
  void close() noexcept;
  /// While it runs: closes the port, so that its adapter gets its old name back, has `open` open another, and
  /// hands that over. What `open` throws leaves the bus closed.
  void exchange(const BusCounters& counters, const std::function<std::unique_ptr<JointBus>()>& open);
  /// See JointBus.
  std::string torque_problem() const { return bus_ ? bus_->torque_problem() : std::string{}; }
  WatchedBy watched_by() const noexcept { return watched_by_; }

  // Control thread.
  JointBus& bus() noexcept { return *bus_; }
  /// True: from here on it is another bus than before.
  bool take_exchanged() noexcept;
  /// Nobody would take the torque if this process died.
  bool supervisor_lost(std::int64_t now_ns) noexcept { return supervisor_ && supervisor_->lost(now_ns); }
  /// The supervisor takes the torque unless it hears by `deadline_ns`. False: it already has.
  bool arm_deadline(std::int64_t deadline_ns) noexcept {
    return !supervisor_ || supervisor_->arm_deadline(deadline_ns);
  }
  /// Torque is off: there is nothing to supervise, and a takeover is forgotten.
  void disarm() noexcept {
    if (supervisor_) supervisor_->disarm();
  }
  /// The supervisor is writing to the bus right now.
  bool supervisor_busy() const noexcept { return supervisor_ && supervisor_->busy(); }

 private:
  /// On its way to the control thread, and the old one on its way back.
  struct Offer {
    std::unique_ptr<JointBus> bus;
    std::unique_ptr<Supervisor> supervisor;
    bool connected = false;
  };
  void hand_over(Offer& offer);

  std::unique_ptr<JointBus> bus_;
  std::unique_ptr<Supervisor> supervisor_;  // before the bus goes, it must have gone
  WatchedBy watched_by_ = WatchedBy::nobody;
  std::atomic<Offer*> offered_{nullptr};
};

}  // namespace motorium
