#include "runtime/position_watch.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {
namespace {

// After a longer silence an arm is being held or has no torque, so it does not travel on.
constexpr std::int64_t kMaxTravelNs = 100'000'000;

}  // namespace

PositionWatch::PositionWatch(const mtr_limits_config& limits, float jump_rad) noexcept
    : joints_(limits.n_joints), allowed_rad_(jump_rad) {
  for (std::uint32_t j = 0; j < joints_; ++j) speed_rad_s_[j] = limits.joint[j].max_velocity_rad_s;
}

void PositionWatch::look(const JointState& state) noexcept {
  for (std::uint32_t j = 0; j < state.n && j < joints_; ++j) {
    if (state.joint_t_ns[j] <= known_ns_[j]) continue;
    const float moved = state.position_rad[j] - known_rad_[j];
    const std::int64_t gap_ns = std::min(state.joint_t_ns[j] - known_ns_[j], kMaxTravelNs);
    const float distance = speed_rad_s_[j] * static_cast<float>(gap_ns) * 1e-9f;
    if (known_ns_[j] > 0 && !(std::abs(moved) <= allowed_rad_ + distance)) {
      jumped_ |= joint_bit(j);
      jump_rad_[j] = moved;
    }
    known_rad_[j] = state.position_rad[j];
    known_ns_[j] = state.joint_t_ns[j];
  }
}

}  // namespace motorium
