#pragma once

#include <array>
#include <cstdint>

#include "bus/joint_bus.hpp"
#include "core/profile.h"

namespace motorium {

/// Where every joint's setpoint is and how it moves.
struct Motion {
  PerJoint<float> position_rad{}, velocity_rad_s{}, acceleration_rad_s2{};
};

/// Makes a change of source smooth. Where the old setpoint and the new source differ in position, velocity or
/// acceleration, the difference is carried along and brought to nothing with bounded jerk: what comes out is
/// the new source plus a profile that ends at zero (`firmware/core/profile.h`). After that the source passes
/// unchanged.
class Transition {
 public:
  /// `limits`: one per joint, for the difference alone.
  explicit Transition(const PerJoint<mtr_profile_limits>& limits) noexcept : limits_(limits) {}

  /// From `t_ns` on, what was `before` there becomes what the source says, which is `source` there.
  /// False when a difference is beyond computing (not finite, or absurdly large): nothing may follow that
  /// source.
  bool start(std::uint32_t joints, std::int64_t t_ns, const Motion& before, const Motion& source) noexcept;
  void clear() noexcept { joints_ = 0; }

  /// Adds the difference that is left at `t_ns`.
  void add(std::int64_t t_ns, Motion& motion) noexcept;
  bool active() const noexcept { return joints_ > 0; }
  std::int64_t end_ns() const noexcept { return end_ns_; }

  /// Where a joint comes to rest when it stops as fast as its bounds allow.
  float rest_rad(std::uint32_t joint, const Motion& from) const noexcept;

 private:
  PerJoint<mtr_profile_limits> limits_;
  std::array<mtr_profile, kMaxJoints> profiles_{};
  std::uint32_t joints_ = 0;  // 0: nothing is left
  std::int64_t start_ns_ = 0, end_ns_ = 0;
};

}  // namespace motorium
