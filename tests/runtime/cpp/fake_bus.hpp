#pragma once

#include <atomic>
#include <cstdint>

#include "bus/joint_bus.hpp"
#include "io/monotonic.hpp"

namespace motorium::test {

/// Joints that are wherever they were told to be one tick ago, with faults on demand.
class FakeBus final : public JointBus {
 public:
  struct Controls {
    std::atomic<BusStatus> status{BusStatus::ok};
    std::atomic<bool> torque{false};
    std::atomic<bool> lost_at_write{false};  // closes under the next goal
    std::atomic<float> first_joint_rad{0.5f};
    std::atomic<float> largest_step_rad{0.0f};
    std::atomic<std::uint64_t> writes{0};
  };

  FakeBus(std::uint32_t joints, Controls& controls) : joints_(joints), controls_(controls) {
    position_.fill(controls.first_joint_rad.load());
  }

  BusStatus read_state(JointState& state) noexcept override {
    const BusStatus status = controls_.status.load();
    if (status == BusStatus::closed || status == BusStatus::io_error) return status;
    ++counters_.cycles;
    state.t_ns = monotonic_ns();
    state.n = joints_;
    state.position_rad = position_;
    state.joint_t_ns.fill(state.t_ns);
    return status;
  }

  BusStatus write_goal(const GatedGoal& goal) noexcept override {
    for (std::uint32_t j = 0; j < joints_; ++j) {
      const float step = goal.position_rad()[j] - position_[j];
      const float size = step < 0 ? -step : step;
      if (size > controls_.largest_step_rad.load()) controls_.largest_step_rad.store(size);
    }
    position_ = goal.position_rad();
    controls_.first_joint_rad.store(position_[0]);
    controls_.writes.fetch_add(1);
    if (controls_.lost_at_write.load()) controls_.status.store(BusStatus::closed);
    return controls_.status.load();
  }

  BusStatus set_torque(bool on) noexcept override {
    if (controls_.status.load() == BusStatus::closed) return BusStatus::closed;
    controls_.torque.store(on);
    return BusStatus::ok;
  }

  BusCounters counters() const noexcept override { return counters_; }

 private:
  std::uint32_t joints_;
  Controls& controls_;
  PerJoint<float> position_{};
  BusCounters counters_{};
};

}  // namespace motorium::test
