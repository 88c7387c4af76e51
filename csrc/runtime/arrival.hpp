#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "runtime/control_config.hpp"

namespace motorium {

/// Where the joints were when a slew was judged, and which of them were not at their goals.
struct ArrivalReport {
  JointMask missed = 0;   ///< Joints further from their goal than their tolerance.
  JointMask contact = 0;  ///< Grippers that push against something short of their goal: arrived.
  PerJoint<float> target_rad{}, position_rad{};
};

/// Decides by measurement whether a slew has arrived, once its setpoint rests at the goal.
class Arrival {
 public:
  explicit Arrival(const ControlConfig& config) noexcept;

  void start(const PerJoint<float>& target_rad) noexcept;
  /// Called every tick from the end of the slew on. True when it is decided: every joint is close to its
  /// goal, or none moves any more, or the settle time is over. Without `fresh` readings only time decides.
  bool decide(std::int64_t now_ns, const JointState& state, bool fresh) noexcept;
  const ArrivalReport& report() const noexcept { return report_; }

 private:
  bool stands(std::int64_t now_ns, const JointState& state) noexcept;
  void judge(const JointState& state) noexcept;

  std::uint32_t joints_;
  JointMask grippers_;
  PerJoint<float> tolerance_rad_;
  std::int64_t settle_ns_;
  std::int64_t end_ns_ = 0, still_since_ns_ = 0;  // 0: the slew has not ended yet
  PerJoint<float> still_rad_{};
  ArrivalReport report_{};
};

}  // namespace motorium
