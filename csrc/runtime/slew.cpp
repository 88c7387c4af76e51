#include "runtime/slew.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {

bool Slew::start(std::uint32_t joints, std::int64_t start_ns, const PerJoint<float>& from_rad,
                 const PerJoint<float>& to_rad, const PerJoint<mtr_profile_limits>& limits) noexcept {
  joints_ = joints;
  start_ns_ = start_ns;
  from_rad_ = from_rad;
  to_rad_ = to_rad;
  mtr_profile_limits path{1e9, 1e9, 1e9};
  for (std::uint32_t j = 0; j < joints; ++j) {
    const double distance = std::abs(static_cast<double>(to_rad[j]) - static_cast<double>(from_rad[j]));
    if (distance < 1e-9) continue;
    path.max_velocity = std::min(path.max_velocity, limits[j].max_velocity / distance);
    path.max_acceleration = std::min(path.max_acceleration, limits[j].max_acceleration / distance);
    path.max_jerk = std::min(path.max_jerk, limits[j].max_jerk / distance);
  }
  if (mtr_profile_plan(&path, {0.0, 0.0, 0.0}, 1.0, &path_)) return true;
  to_rad_ = from_rad;
  return false;
}

void Slew::sample(std::int64_t t_ns, Motion& motion) const noexcept {
  const mtr_motion path = mtr_profile_at(&path_, static_cast<double>(t_ns - start_ns_) * 1e-9);
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const float distance = to_rad_[j] - from_rad_[j];
    motion.position_rad[j] =
        path.position >= 1.0 ? to_rad_[j] : from_rad_[j] + static_cast<float>(path.position) * distance;
    motion.velocity_rad_s[j] = static_cast<float>(path.velocity) * distance;
    motion.acceleration_rad_s2[j] = static_cast<float>(path.acceleration) * distance;
  }
}

}  // namespace motorium
