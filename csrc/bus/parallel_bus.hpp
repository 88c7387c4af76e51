#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "bus/joint_bus.hpp"

namespace motorium {

/// Drives several buses as one, all at the same time, so that two arms take no longer than one; their joints
/// follow each other. The caller's thread serves the first bus. Each other bus has a thread that sleeps
/// between requests and inherits the caller's priority at its first request.
class ParallelBus final : public JointBus {
 public:
  /// `joints` holds the joint count of each bus. Throws std::invalid_argument when there are no joints or too
  /// many, std::system_error (threads).
  ParallelBus(std::vector<std::unique_ptr<JointBus>> buses, std::vector<std::uint32_t> joints);
  ~ParallelBus() override;

  /// Returns the worst status of all buses; joints of a bus that failed keep their old values. Closed only
  /// when every port is gone: the remaining arms must still be told to release.
  BusStatus read_state(JointState& state) noexcept override;
  BusStatus write_goal(const GatedGoal& goal) noexcept override;
  /// Off reaches every bus, even when others fail. On: when one bus fails, the others are switched off again.
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
  bool settled_ = false;             // threads have inherited the caller's priority
};

}  // namespace motorium
