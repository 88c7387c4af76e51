#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace motorium {

/// What a new chunk changes at its seam, before blending; each value is the largest over all joints.
struct Seam {
  float jump_rad = 0.0f;        ///< Between the old plan and the new chunk at the seam.
  float velocity_rad_s = 0.0f;  ///< Between the speeds before and after, over one row.
  float jerk_rad_s3 = 0.0f;     ///< Third difference of the rows across the seam: two old, two new.
};

/// Histogram of positive numbers over twelve decades, eight bins each: a quantile is at most a third too
/// large.
class LogHistogram {
 public:
  void add(float value) noexcept {
    const float place = std::log10(std::max(value, 1e-6f) * 1e6f) * kPerDecade;
    ++bins_[std::min(static_cast<std::uint32_t>(place), kBins - 1)];
    ++count_;
    max_ = std::max(max_, value);
  }

  /// Returns what `fraction` (0..1) of all values do not exceed, to a bin's width; 0 without values.
  float quantile(float fraction) const noexcept {
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < kBins; ++i) {
      seen += bins_[i];
      if (seen > 0 && static_cast<float>(seen) >= fraction * static_cast<float>(count_))
        return i == 0 ? std::min(max_, 1e-6f)
                      : std::min(max_, 1e-6f * std::pow(10.0f, (static_cast<float>(i) + 1.0f) / kPerDecade));
    }
    return 0.0f;
  }
  float max() const noexcept { return max_; }
  std::uint64_t count() const noexcept { return count_; }

 private:
  static constexpr float kPerDecade = 8.0f;
  static constexpr std::uint32_t kBins = 96;
  std::array<std::uint32_t, kBins> bins_{};
  std::uint64_t count_ = 0;
  float max_ = 0.0f;
};

/// Statistics of all seams so far.
struct SeamStatistics {
  LogHistogram jump_rad, velocity_rad_s, jerk_rad_s3;
  void add(const Seam& seam) noexcept {
    jump_rad.add(seam.jump_rad);
    velocity_rad_s.add(seam.velocity_rad_s);
    jerk_rad_s3.add(seam.jerk_rad_s3);
  }
};

}  // namespace motorium
