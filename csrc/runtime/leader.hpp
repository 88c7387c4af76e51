#pragma once

#include <cstdint>
#include <span>

#include "bus/joint_bus.hpp"

namespace motorium {

/// Which joint of a leader each joint of the follower goes with: follower = scale * leader + offset.
struct LeaderMap {
  std::uint32_t joints = 0;         ///< Of the follower.
  PerJoint<std::int32_t> source{};  ///< Joint of the leader; negative: none, that joint stays where it is.
  PerJoint<float> scale{}, offset{};
  std::int64_t max_age_ns = 50'000'000;  ///< Of any joint's reading; older than this, the leader is lost.

  /// Fills `goal_rad` from the leader's joints and `stay_rad`. False when a reading is absent, too old or not
  /// a number.
  bool apply(const JointState& leader, std::int64_t now_ns, std::span<const float> stay_rad,
             std::span<float> goal_rad) const noexcept;
};

/// A setpoint that follows a moving goal, from wherever it was when it began, along 3 u^2 - 2 u^3: no joint
/// starts with a jump, nor closes the gap that there was faster than its approach speed. It is always between
/// its beginning and the goal, so that a goal moving away takes no joint beyond a limit that both keep.
class RampIn {
 public:
  void start(std::uint32_t joints, std::int64_t now_ns, std::span<const float> setpoint_rad,
             std::span<const float> goal_rad, std::span<const float> speed_rad_s) noexcept;
  void sample(std::int64_t now_ns, std::span<const float> goal_rad,
              std::span<float> setpoint_rad) const noexcept;
  std::int64_t end_ns() const noexcept { return start_ns_ + duration_ns_; }

 private:
  std::uint32_t joints_ = 0;
  std::int64_t start_ns_ = 0, duration_ns_ = 1;
  PerJoint<float> from_rad_{};
};

}  // namespace motorium
