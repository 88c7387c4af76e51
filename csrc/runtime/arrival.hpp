#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "runtime/control_config.hpp"

namespace motorium {

/// Says where the joints were when a slew was judged, and which of them missed their goals.
struct ArrivalReport {
  JointMask missed = 0;  ///< Joints further from their goal than their tolerance.
  /// Grippers that push against an object short of their goal; these count as arrived.
  JointMask contact = 0;
  PerJoint<float> target_rad{}, position_rad{};
};

/// Judges from measured positions whether a slew has arrived, once its setpoint rests at the goal.
class Arrival {
 public:
  explicit Arrival(const ControlConfig& config) noexcept;

  void start(const PerJoint<float>& target_rad) noexcept;
  /// Called every tick after the end of the slew. True once decided: every joint is close to its goal, or
  /// none moves any more, or the settle time is over. Without `fresh` readings only time decides.
  bool decide(std::int64_t now_ns, const JointState& state, bool fresh) noexcept;
  const ArrivalReport& report() const noexcept { return report_; }

 private:
  bool stands(std::int64_t now_ns, const JointState& state) noexcept;
  void judge(const JointState& state) noexcept;

  std::uint32_t joints_;
  JointMask grippers_;
  PerJoint<float> tolerance_rad_;
  std::int64_t settle_ns_;
  std::int64_t end_ns_ = 0, still_since_ns_ = 0;  // 0: the slew has not ended
  PerJoint<float> still_rad_{};
  ArrivalReport report_{};
};

}  // namespace motorium
