#include "runtime/arrival.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {
namespace {

constexpr float kClose_rad = 0.06f;             // a servo with friction stops about 3 degrees short
constexpr float kStill_rad = 0.01f;             // about seven steps of a 4096-step encoder
constexpr std::int64_t kStillNs = 100'000'000;  // and longer than an STS3215 takes to start moving
constexpr float kContactEffort = 0.05f;         // of stall torque; friction alone stays below

}  // namespace

Arrival::Arrival(const ControlConfig& config) noexcept
    : joints_(config.limits.n_joints),
      grippers_(config.grippers),
      tolerance_rad_(config.arrival_tolerance_rad),
      settle_ns_(config.settle_ns) {}

void Arrival::start(const PerJoint<float>& target_rad) noexcept {
  report_ = {};
  report_.target_rad = target_rad;
  end_ns_ = 0;
}

/// Compares with earlier positions, not with the speed reading: a joint that creeps is still moving.
bool Arrival::stands(std::int64_t now_ns, const JointState& state) noexcept {
  for (std::uint32_t j = 0; j < joints_; ++j) {
    if (std::isinf(tolerance_rad_[j]) || std::abs(state.position_rad[j] - still_rad_[j]) <= kStill_rad)
      continue;
    still_rad_ = state.position_rad;
    still_since_ns_ = now_ns;
    return false;
  }
  return now_ns - still_since_ns_ >= kStillNs;
}

void Arrival::judge(const JointState& state) noexcept {
  report_.missed = report_.contact = 0;
  report_.position_rad = state.position_rad;
  for (std::uint32_t j = 0; j < joints_; ++j) {
    const float left_rad = report_.target_rad[j] - state.position_rad[j];
    const float push = left_rad < 0.0f ? -state.effort[j] : state.effort[j];
    const JointMask bit = joint_bit(j);
    if ((grippers_ & bit) != 0 && std::abs(left_rad) > kClose_rad && push >= kContactEffort) {
      report_.contact |= bit;
    } else if (!(std::abs(left_rad) <= tolerance_rad_[j])) {
      report_.missed |= bit;
    }
  }
}

bool Arrival::decide(std::int64_t now_ns, const JointState& state, bool fresh) noexcept {
  if (end_ns_ == 0) {
    end_ns_ = still_since_ns_ = now_ns;
    still_rad_ = state.position_rad;
  }
  const bool late = now_ns - end_ns_ > settle_ns_;
  if (!fresh && !late) return false;
  bool close = fresh;
  for (std::uint32_t j = 0; j < joints_ && close; ++j)
    close =
        std::abs(report_.target_rad[j] - state.position_rad[j]) <= std::min(kClose_rad, tolerance_rad_[j]) ||
        std::isinf(tolerance_rad_[j]);
  const bool still = stands(now_ns, state);
  if (!close && !still && !late) return false;
  judge(state);
  return true;
}

}  // namespace motorium
