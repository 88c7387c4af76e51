#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/limits.h"

namespace motorium {

/// Detects a joint that cannot have travelled to where it reads: its servo restarted and lost count, it is on
/// another bus than before, or somebody turned it while nobody read it.
class PositionWatch {
 public:
  /// `jump_rad`: tolerance beyond what the joint can travel.
  PositionWatch(const mtr_limits_config& limits, float jump_rad) noexcept;

  /// Checks readings that are newer than the last ones.
  void look(const JointState& state) noexcept;
  /// Clears the latch: a person has checked that the joints are where they read.
  void accept() noexcept { jumped_ = 0; }

  JointMask jumped() const noexcept { return jumped_; }                   ///< Joints that jumped; latched.
  const PerJoint<float>& jump_rad() const noexcept { return jump_rad_; }  ///< Last jump of each joint.

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
