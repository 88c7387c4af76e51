#pragma once

#include <cstdint>
#include <span>

#include "bus/joint_bus.hpp"

namespace motorium {

/// Maps joints of a leader to joints of the follower: follower = scale * leader + offset.
struct LeaderMap {
  std::uint32_t joints = 0;  ///< Joints of the follower.
  /// Joint of the leader; negative: none, the follower's joint stays where it is.
  PerJoint<std::int32_t> source{};
  PerJoint<float> scale{}, offset{};
  std::int64_t max_age_ns = 50'000'000;  ///< A reading older than this means that the leader is lost.

  /// Fills `goal_rad` from the leader's joints, or from `stay_rad` where a joint has none. False when a
  /// reading is missing, too old or not finite.
  bool apply(const JointState& leader, std::int64_t now_ns, std::span<const float> stay_rad,
             std::span<float> goal_rad) const noexcept;
};

/// Follows a moving goal from any starting point, along 3 u^2 - 2 u^3: no joint jumps at the start, or closes
/// the initial gap faster than its approach speed. The setpoint always lies between start and goal, so a
/// moving goal takes no joint beyond a limit that both keep.
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
