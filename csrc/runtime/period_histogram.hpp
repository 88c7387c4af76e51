#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace motorium {

/// Distribution of tick periods: one writer, any number of readers, bins of 2 us up to 40 ms (longer ones in
/// the last).
class PeriodHistogram {
 public:
  static constexpr std::uint32_t kBinUs = 2, kBins = 20'000;

  void add(std::int64_t period_ns) noexcept {
    const auto us = static_cast<std::uint64_t>(period_ns > 0 ? period_ns : 0) / 1000;
    auto& bin = bins_[us / kBinUs < kBins ? us / kBinUs : kBins - 1];
    bin.store(bin.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (us > max_us_.load(std::memory_order_relaxed)) max_us_.store(us, std::memory_order_relaxed);
  }

  /// Returns the period that `fraction` (0..1) of all ticks do not exceed, to half a bin; 0 without ticks.
  double quantile_us(double fraction) const noexcept {
    std::uint64_t total = 0;
    for (const auto& bin : bins_) total += bin.load(std::memory_order_relaxed);
    const double wanted = fraction * static_cast<double>(total);
    std::uint64_t seen = 0;
    for (std::uint32_t i = 0; i < kBins && total > 0; ++i) {
      seen += bins_[i].load(std::memory_order_relaxed);
      if (static_cast<double>(seen) >= wanted && seen > 0) return (i + 0.5) * kBinUs;
    }
    return 0.0;
  }

  std::uint64_t max_us() const noexcept { return max_us_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint32_t>, kBins> bins_{};
  std::atomic<std::uint64_t> max_us_{0};
};

}  // namespace motorium
