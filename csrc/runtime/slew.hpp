#pragma once

#include <cstdint>

#include "bus/joint_bus.hpp"

namespace motorium {

/// A straight line in joint space, travelled from rest to rest with a trapezoid of speed; all joints arrive
/// together.
class Slew {
 public:
  /// `velocity_rad_s`, `acceleration_rad_s2`: per joint, positive; no joint exceeds its own.
  void start(std::uint32_t joints, std::int64_t now_ns, const PerJoint<float>& from_rad,
             const PerJoint<float>& to_rad, const PerJoint<float>& velocity_rad_s,
             const PerJoint<float>& acceleration_rad_s2) noexcept;

  void sample(std::int64_t t_ns, PerJoint<float>& position_rad) const noexcept;
  std::int64_t end_ns() const noexcept { return start_ns_ + static_cast<std::int64_t>(duration_s_ * 1e9); }
  const PerJoint<float>& target_rad() const noexcept { return to_rad_; }

 private:
  std::uint32_t joints_ = 0;
  std::int64_t start_ns_ = 0;
  double speed_ = 0.0, acceleration_ = 0.0;  // of the path parameter 0..1
  double ramp_s_ = 0.0, duration_s_ = 0.0;
  PerJoint<float> from_rad_{}, to_rad_{};
};

}  // namespace motorium
