#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "bus/joint_bus.hpp"

namespace motorium {

/// Several buses as one: their joints in a row, all driven at the same time, so that two arms take no longer
/// than one. The first bus is served by the caller's thread, every other by a thread of its own that sleeps
/// between requests and inherits the caller's priority at its first request.
class ParallelBus final : public JointBus {
 public:
  /// Throws std::invalid_argument when there are none or too many joints, std::system_error (threads).
  /// `joints` are those of each bus.
  ParallelBus(std::vector<std::unique_ptr<JointBus>> buses, std::vector<std::uint32_t> joints);
  ~ParallelBus() override;

  /// The worst status of all; joints of a bus that failed keep their old values. Closed only when every port
  /// is gone: the arms that are left must still be told to let go.
  BusStatus read_state(JointState& state) noexcept override;
  BusStatus write_goal(const GatedGoal& goal) noexcept override;
  /// Off reaches every bus, whatever becomes of the others.
  /// On: when one fails, the others are switched off again.
  BusStatus set_torque(bool on) noexcept override;
  BusCounters counters() const noexcept override;
  LatencyReport latency() const noexcept override;
  ShutdownSequence shutdown_sequence() const override;
  std::string torque_problem() const override;
  WatchedBy watched_by() const override;

 private:
  enum class Task : std::uint8_t { none, read, write, torque_on, torque_off, leave };
  struct Lane {
    std::unique_ptr<JointBus> bus;
    std::uint32_t first = 0, joints = 0;
    JointState state{};
    BusStatus status = BusStatus::ok;
    std::atomic<Task> task{Task::none};
    std::thread thread;
  };

  BusStatus run_all(Task task) noexcept;
  BusStatus judge() const noexcept;
  void carry_out(Lane& lane, Task task) noexcept;
  void serve(Lane& lane) noexcept;
  void inherit_priority() noexcept;

  std::vector<std::unique_ptr<Lane>> lanes_;
  const GatedGoal* goal_ = nullptr;  // while a write is carried out
  bool settled_ = false;             // threads have the caller's priority
};

}  // namespace motorium
