#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/limits.h"

namespace motorium {

/// Notices a joint that reads another place than where it can be since its last reading: its servo has
/// restarted and lost count, sits on another bus than before, or was turned by hand unobserved.
class PositionWatch {
 public:
  /// `jump_rad`: what a joint may read beyond what it can travel.
  PositionWatch(const mtr_limits_config& limits, float jump_rad) noexcept;

  /// Takes the readings that are newer than those before.
  void look(const JointState& state) noexcept;
  /// A person has looked at the arm: its joints are where they read.
  void accept() noexcept { jumped_ = 0; }

  JointMask jumped() const noexcept { return jumped_; }                   ///< Joints that have; latched.
  const PerJoint<float>& jump_rad() const noexcept { return jump_rad_; }  ///< By how much each did last.

 private:
  std::uint32_t joints_;
  float allowed_rad_;
  PerJoint<float> speed_rad_s_{};
  PerJoint<float> known_rad_{};        // the last reading of each joint
  PerJoint<std::int64_t> known_ns_{};  // 0: none yet
  JointMask jumped_ = 0;
  PerJoint<float> jump_rad_{};
};

}  // namespace motorium
