#include "runtime/transition.hpp"

#include <algorithm>

namespace motorium {
namespace {

mtr_motion difference(const Motion& a, const Motion& b, std::uint32_t j) noexcept {
  return {static_cast<double>(a.position_rad[j]) - static_cast<double>(b.position_rad[j]),
          static_cast<double>(a.velocity_rad_s[j]) - static_cast<double>(b.velocity_rad_s[j]),
          static_cast<double>(a.acceleration_rad_s2[j]) - static_cast<double>(b.acceleration_rad_s2[j])};
}

/// Clamps the acceleration: at a corner of a source it is too large to start from.
mtr_motion tamed(mtr_motion motion, const mtr_profile_limits& limits) noexcept {
  motion.acceleration = std::clamp(motion.acceleration, -limits.max_acceleration, limits.max_acceleration);
  return motion;
}

}  // namespace

bool Transition::start(std::uint32_t joints, std::int64_t t_ns, const Motion& before,
                       const Motion& source) noexcept {
  joints_ = joints;
  start_ns_ = end_ns_ = t_ns;
  for (std::uint32_t j = 0; j < joints; ++j) {
    const mtr_motion from = tamed(difference(before, source, j), limits_[j]);
    if (!mtr_profile_plan(&limits_[j], from, 0.0, &profiles_[j])) {
      clear();
      return false;
    }
    end_ns_ = std::max(end_ns_, t_ns + static_cast<std::int64_t>(profiles_[j].duration_s * 1e9));
  }
  return true;
}

void Transition::add(std::int64_t t_ns, Motion& motion) noexcept {
  const double t_s = static_cast<double>(t_ns - start_ns_) * 1e-9;
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const mtr_motion left = mtr_profile_at(&profiles_[j], t_s);
    motion.position_rad[j] += static_cast<float>(left.position);
    motion.velocity_rad_s[j] += static_cast<float>(left.velocity);
    motion.acceleration_rad_s2[j] += static_cast<float>(left.acceleration);
  }
  if (t_ns > end_ns_) clear();
}

float Transition::rest_rad(std::uint32_t joint, const Motion& from) const noexcept {
  const mtr_motion start = tamed(difference(from, Motion{}, joint), limits_[joint]);
  return from.position_rad[joint] + static_cast<float>(mtr_profile_stopping_distance(&limits_[joint], start));
}

}  // namespace motorium
