#include "runtime/slew.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {

void Slew::start(std::uint32_t joints, std::int64_t now_ns, const PerJoint<float>& from_rad,
                 const PerJoint<float>& to_rad, const PerJoint<float>& velocity_rad_s,
                 const PerJoint<float>& acceleration_rad_s2) noexcept {
  joints_ = joints;
  start_ns_ = now_ns;
  from_rad_ = from_rad;
  to_rad_ = to_rad;
  speed_ = acceleration_ = 1e9;
  for (std::uint32_t j = 0; j < joints; ++j) {
    const double way = std::abs(static_cast<double>(to_rad[j]) - static_cast<double>(from_rad[j]));
    if (way < 1e-9) continue;
    speed_ = std::min(speed_, static_cast<double>(velocity_rad_s[j]) / way);
    acceleration_ = std::min(acceleration_, static_cast<double>(acceleration_rad_s2[j]) / way);
  }
  speed_ =
      std::min(speed_, std::sqrt(acceleration_));  // a short way is a triangle: it never reaches full speed
  ramp_s_ = speed_ / acceleration_;
  duration_s_ = 1.0 / speed_ + ramp_s_;
}

void Slew::sample(std::int64_t t_ns, PerJoint<float>& position_rad) const noexcept {
  const double t = static_cast<double>(t_ns - start_ns_) * 1e-9;
  double share = 1.0;
  if (t <= 0.0) {
    share = 0.0;
  } else if (t < ramp_s_) {
    share = 0.5 * acceleration_ * t * t;
  } else if (t < duration_s_ - ramp_s_) {
    share = speed_ * (t - 0.5 * ramp_s_);
  } else if (t < duration_s_) {
    const double left = duration_s_ - t;
    share = 1.0 - 0.5 * acceleration_ * left * left;
  }
  for (std::uint32_t j = 0; j < joints_; ++j)
    position_rad[j] =
        share >= 1.0 ? to_rad_[j] : from_rad_[j] + static_cast<float>(share) * (to_rad_[j] - from_rad_[j]);
}

}  // namespace motorium
