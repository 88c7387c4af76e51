#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "bus/joint_bus.hpp"

namespace motorium {

/// Connects a control thread with another thread that serves the servos for it, such as one that runs a
/// vendor's kit. The lock is held only for the length of a copy.
class Relay {
 public:
  struct Goal {
    PerJoint<float> position_rad{};
    std::uint32_t n = 0;
    std::uint64_t number = 0;  ///< Rises with each goal; 0: none since torque was switched.
  };
  struct TorqueRequest {
    std::uint64_t ticket = 0;
    bool on = false;
  };

  /// `servos_watch`: the servos stop by themselves when they hear nothing.
  explicit Relay(std::uint32_t joints, bool servos_watch = false)
      : joints_(joints), servos_watch_(servos_watch) {}

  // For the serving thread.
  void publish(const JointState& state);
  /// Returns the newest goal. Only `RelayedBus` puts goals here, so every one has passed the gate.
  Goal goal() const;
  /// Returns the last torque request, to be answered with `done`.
  TorqueRequest torque_request() const;
  void done(std::uint64_t ticket, BusStatus status);
  /// Reports that the port is gone, or that nobody serves any more.
  void close();
  bool closed() const;
  std::uint32_t joints() const noexcept { return joints_; }
  bool servos_watch() const noexcept { return servos_watch_; }

 private:
  friend class RelayedBus;
  const std::uint32_t joints_;
  const bool servos_watch_;
  mutable std::mutex mutex_;
  std::condition_variable news_;
  JointState state_{};
  std::uint64_t published_ = 0, done_ = 0;
  Goal goal_{};
  std::uint64_t goals_ = 0;
  TorqueRequest torque_request_{};
  BusStatus outcome_ = BusStatus::ok;
  BusCounters counters_{};
  bool closed_ = false;
};

/// The control thread's side of a Relay. Waits briefly for readings and up to two seconds for torque, so the
/// loop runs no faster than the serving thread.
class RelayedBus final : public JointBus {
 public:
  explicit RelayedBus(std::shared_ptr<Relay> relay) : relay_(std::move(relay)) {}
  ~RelayedBus() override { relay_->close(); }

  BusStatus read_state(JointState& state) noexcept override;
  BusStatus write_goal(const GatedGoal& goal) noexcept override;
  BusStatus set_torque(bool on) noexcept override;
  BusCounters counters() const noexcept override;
  WatchedBy watched_by() const override {
    return relay_->servos_watch() ? WatchedBy::servos : WatchedBy::nobody;
  }

 private:
  std::shared_ptr<Relay> relay_;
  std::uint64_t seen_ = 0;
};

}  // namespace motorium
