#include "runtime/tick_history.hpp"

namespace motorium {
namespace {

float between(float a, float b, float fraction) noexcept { return a + fraction * (b - a); }

}  // namespace

bool TickHistory::state_at(std::int64_t t_ns, TickRecord& record) const noexcept {
  const std::uint64_t end = ring_.end();
  TickRecord later, earlier;
  bool have_later = false;
  for (std::uint64_t i = end; i > ring_.begin(); --i) {
    if (!ring_.get(i - 1, earlier)) break;  // overwritten meanwhile: the record after it is the best there is
    if (earlier.state_t_ns > t_ns) {
      later = earlier;
      have_later = true;
      continue;
    }
    record = earlier;
    if (have_later && later.state_t_ns > earlier.state_t_ns) {
      const auto span = static_cast<float>(later.state_t_ns - earlier.state_t_ns);
      const float fraction = static_cast<float>(t_ns - earlier.state_t_ns) / span;
      for (std::uint32_t j = 0; j < joints_; ++j) {
        record.position_rad[j] = between(earlier.position_rad[j], later.position_rad[j], fraction);
        record.velocity_rad_s[j] = between(earlier.velocity_rad_s[j], later.velocity_rad_s[j], fraction);
        record.effort[j] = between(earlier.effort[j], later.effort[j], fraction);
      }
      record.state_t_ns = t_ns;
    }
    return true;
  }
  record = later;
  return have_later;
}

bool TickHistory::setpoint_at(std::int64_t t_ns, PerJoint<float>& setpoint_rad) const noexcept {
  TickRecord later, earlier;
  const std::uint64_t end = ring_.end();
  if (end == 0 || !ring_.get(end - 1, later) || later.t_ns < t_ns) return false;
  for (std::uint64_t i = end - 1; i > ring_.begin() && later.t_ns > t_ns; --i) {
    if (!ring_.get(i - 1, earlier)) break;  // overwritten meanwhile
    if (earlier.t_ns <= t_ns && later.t_ns > earlier.t_ns) {
      const auto span = static_cast<double>(later.t_ns - earlier.t_ns);
      const auto fraction = static_cast<float>(static_cast<double>(t_ns - earlier.t_ns) / span);
      for (std::uint32_t j = 0; j < joints_; ++j)
        later.setpoint_rad[j] = between(earlier.setpoint_rad[j], later.setpoint_rad[j], fraction);
      break;
    }
    later = earlier;
  }
  setpoint_rad = later.setpoint_rad;
  return true;
}

}  // namespace motorium
