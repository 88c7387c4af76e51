#include "runtime/plan.hpp"

#include <algorithm>

namespace motorium {
namespace {

float seconds(std::int64_t from_ns, std::int64_t to_ns) noexcept {
  return static_cast<float>(static_cast<double>(to_ns - from_ns) * 1e-9);
}

/// Clamps `slope` to [0, 3 secant], the region in which a cubic segment is monotone.
float limited(float slope, float secant) noexcept {
  return secant >= 0.0f ? std::clamp(slope, 0.0f, 3.0f * secant) : std::clamp(slope, 3.0f * secant, 0.0f);
}

float harmonic(float before, float h_before, float after, float h_after) noexcept {
  if (before * after <= 0.0f) return 0.0f;
  const float w_before = 2.0f * h_after + h_before;
  const float w_after = h_after + 2.0f * h_before;
  return (w_before + w_after) / (w_before / before + w_after / after);
}

}  // namespace

void Plan::take(const Plan& other) noexcept {
  version = other.version;
  epoch = other.epoch;
  joints = other.joints;
  count = other.count;
  late = other.late;
  approach = other.approach;
  final = other.final;
  seam = other.seam;
  std::copy_n(other.knots.begin(), other.count, knots.begin());
}

std::uint32_t Plan::last_knot_at_or_before(std::int64_t t_ns) const noexcept {
  const auto* begin = knots.data();
  const auto* after =
      std::upper_bound(begin, begin + count, t_ns, [](std::int64_t t, const Knot& k) { return t < k.t_ns; });
  return static_cast<std::uint32_t>(after - begin) - 1;
}

void Plan::sample(std::int64_t t_ns, std::span<float> position_rad) const noexcept {
  if (count == 0) return;
  if (t_ns < knots[0].t_ns || t_ns >= end_ns()) {
    const Knot& edge = t_ns < knots[0].t_ns ? knots[0] : knots[count - 1];
    std::copy_n(edge.position_rad.begin(), joints, position_rad.begin());
    return;
  }
  const std::uint32_t k = last_knot_at_or_before(t_ns);
  const Knot &a = knots[k], &b = knots[k + 1];
  const float h = seconds(a.t_ns, b.t_ns), u = seconds(a.t_ns, t_ns) / h;
  for (std::uint32_t j = 0; j < joints; ++j) {
    const float rise = b.position_rad[j] - a.position_rad[j];
    const float v0 = h * a.slope_out_rad_s[j], v1 = h * b.slope_in_rad_s[j];
    position_rad[j] =
        a.position_rad[j] + u * (v0 + u * ((3.0f * rise - 2.0f * v0 - v1) + u * (v0 + v1 - 2.0f * rise)));
  }
}

/// Sets out[j] = value(v0, square, cube, u, h) on the segment that ends at or contains `t_ns`, at fraction u
/// of its h seconds: its position there is a.position + h * (u * v0 + u^2 * square + u^3 * cube). Zeros
/// outside the plan.
template <typename Value>
void Plan::on_segment_before(std::int64_t t_ns, std::span<float> out, const Value& value) const noexcept {
  std::fill_n(out.begin(), joints, 0.0f);
  if (count == 0 || t_ns <= knots[0].t_ns || t_ns > end_ns()) return;
  const std::uint32_t k = last_knot_at_or_before(t_ns - 1);
  const Knot &a = knots[k], &b = knots[k + 1];
  const float h = seconds(a.t_ns, b.t_ns), u = seconds(a.t_ns, t_ns) / h;
  for (std::uint32_t j = 0; j < joints; ++j) {
    const float secant = (b.position_rad[j] - a.position_rad[j]) / h;
    const float v0 = a.slope_out_rad_s[j], v1 = b.slope_in_rad_s[j];
    out[j] = value(v0, 3.0f * secant - 2.0f * v0 - v1, v0 + v1 - 2.0f * secant, u, h);
  }
}

void Plan::slope_before(std::int64_t t_ns, std::span<float> slope_rad_s) const noexcept {
  on_segment_before(t_ns, slope_rad_s, [](float v0, float square, float cube, float u, float) noexcept {
    return v0 + u * (2.0f * square + 3.0f * u * cube);
  });
}

void Plan::curvature_before(std::int64_t t_ns, std::span<float> curvature_rad_s2) const noexcept {
  on_segment_before(t_ns, curvature_rad_s2, [](float, float square, float cube, float u, float h) noexcept {
    return (2.0f * square + 6.0f * u * cube) / h;
  });
}

void Plan::shape_from(std::uint32_t first) noexcept {
  if (count == 0 || first >= count) return;
  for (std::uint32_t j = 0; j < joints; ++j) {
    float secant_before = 0.0f, h_before = 0.0f;
    for (std::uint32_t k = first; k + 1 < count; ++k) {
      const float h = seconds(knots[k].t_ns, knots[k + 1].t_ns);
      const float secant = (knots[k + 1].position_rad[j] - knots[k].position_rad[j]) / h;
      if (k == first) {
        knots[k].slope_out_rad_s[j] = limited(knots[k].slope_in_rad_s[j], secant);
      } else {
        const float slope = harmonic(secant_before, h_before, secant, h);
        knots[k].slope_in_rad_s[j] = knots[k].slope_out_rad_s[j] = slope;
      }
      secant_before = secant;
      h_before = h;
    }
    if (first + 1 < count) knots[count - 1].slope_in_rad_s[j] = secant_before;
    knots[count - 1].slope_out_rad_s[j] = 0.0f;
  }
}

}  // namespace motorium
