#include "runtime/leader.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {
namespace {

constexpr double kShortestRampS = 0.2;
constexpr double kSteepest = 1.5;  // largest slope of 3 u^2 - 2 u^3, at its middle

}  // namespace

bool LeaderMap::apply(const JointState& leader, std::int64_t now_ns, std::span<const float> stay_rad,
                      std::span<float> goal_rad) const noexcept {
  for (std::uint32_t j = 0; j < joints; ++j) {
    if (source[j] < 0) {
      goal_rad[j] = stay_rad[j];
      continue;
    }
    const auto from = static_cast<std::uint32_t>(source[j]);
    if (from >= leader.n || now_ns - leader.joint_t_ns[from] > max_age_ns) return false;
    goal_rad[j] = scale[j] * leader.position_rad[from] + offset[j];
    if (!std::isfinite(goal_rad[j])) return false;
  }
  return true;
}

void RampIn::start(std::uint32_t joints, std::int64_t now_ns, std::span<const float> setpoint_rad,
                   std::span<const float> goal_rad, std::span<const float> speed_rad_s) noexcept {
  joints_ = joints;
  start_ns_ = now_ns;
  double duration_s = kShortestRampS;
  for (std::uint32_t j = 0; j < joints; ++j) {
    from_rad_[j] = setpoint_rad[j];
    const float gap_rad = std::abs(setpoint_rad[j] - goal_rad[j]);
    duration_s = std::max(duration_s, kSteepest * static_cast<double>(gap_rad / speed_rad_s[j]));
  }
  duration_ns_ = static_cast<std::int64_t>(duration_s * 1e9);
}

void RampIn::sample(std::int64_t now_ns, std::span<const float> goal_rad,
                    std::span<float> setpoint_rad) const noexcept {
  const double gone = static_cast<double>(now_ns - start_ns_) / static_cast<double>(duration_ns_);
  const double u = std::clamp(gone, 0.0, 1.0);
  const auto left = static_cast<float>(1.0 - u * u * (3.0 - 2.0 * u));
  for (std::uint32_t j = 0; j < joints_; ++j)
    setpoint_rad[j] = goal_rad[j] + left * (from_rad_[j] - goal_rad[j]);
}

}  // namespace motorium
