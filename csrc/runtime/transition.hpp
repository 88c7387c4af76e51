#pragma once

#include <array>
#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/profile.h"

namespace motorium {

/// Position of every joint's setpoint, and how it moves.
struct Motion {
  PerJoint<float> position_rad{}, velocity_rad_s{}, acceleration_rad_s2{};
};

/// Makes a change of source smooth. The difference between the old setpoint and the new source, in position,
/// velocity and acceleration, fades to zero with bounded jerk: the output is the new source plus a profile
/// that ends at zero (`firmware/core/profile.h`), and afterwards the source alone.
class Transition {
 public:
  /// `limits`: one per joint, for the difference alone.
  explicit Transition(const PerJoint<mtr_profile_limits>& limits) noexcept : limits_(limits) {}

  /// Starts at `t_ns`, where the setpoint is `before` and the new source says `source`. False when the
  /// difference cannot be computed (not finite, or absurdly large); the caller must not follow that source.
  bool start(std::uint32_t joints, std::int64_t t_ns, const Motion& before, const Motion& source) noexcept;
  void clear() noexcept { joints_ = 0; }

  /// Adds what is left of the difference at `t_ns`.
  void add(std::int64_t t_ns, Motion& motion) noexcept;
  bool active() const noexcept { return joints_ > 0; }
  std::int64_t end_ns() const noexcept { return end_ns_; }

  /// Returns where a joint comes to rest when it stops as fast as its limits allow.
  float rest_rad(std::uint32_t joint, const Motion& from) const noexcept;

 private:
  PerJoint<mtr_profile_limits> limits_;
  std::array<mtr_profile, kMaxJoints> profiles_{};
  std::uint32_t joints_ = 0;  // 0: no transition
  std::int64_t start_ns_ = 0, end_ns_ = 0;
};

}  // namespace motorium
