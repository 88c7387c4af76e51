#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/profile.h"
#include "runtime/transition.hpp"

namespace motorium {

/// Moves in a straight line in joint space, from rest to rest with bounded jerk; all joints arrive together.
class Slew {
 public:
  /// Plans the motion; `limits` hold for each joint. False when no such motion can be computed (a limit close
  /// to zero); the slew then stays where it starts.
  bool start(std::uint32_t joints, std::int64_t start_ns, const PerJoint<float>& from_rad,
             const PerJoint<float>& to_rad, const PerJoint<mtr_profile_limits>& limits) noexcept;

  void sample(std::int64_t t_ns, Motion& motion) const noexcept;
  std::int64_t end_ns() const noexcept {
    return start_ns_ + static_cast<std::int64_t>(path_.duration_s * 1e9);
  }

 private:
  std::uint32_t joints_ = 0;
  std::int64_t start_ns_ = 0;
  mtr_profile path_{};  // of the path parameter, 0..1
  PerJoint<float> from_rad_{}, to_rad_{};
};

}  // namespace motorium
