#include "robot/scheduler.hpp"

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "runtime/chunk_buffer.hpp"

namespace motorium {
namespace {

constexpr double kNsPerSecond = 1e9;

/// Returns how many rows begin within `ns`; the last one counts as a whole.
std::int64_t rows_in(std::int64_t ns, std::int64_t dt_ns) noexcept {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(ns) / static_cast<double>(dt_ns)));
}

}  // namespace

Pace checked_pace(double rows, double dt_s, double horizon, double max_delay) {
  const struct {
    const char* name;
    double value, low, high;
  } bounds[] = {
      {"rows", rows, 1.0, kMaxChunkRows},
      {"dt_s", dt_s, static_cast<double>(kMinStepNs) * 1e-9, static_cast<double>(kMaxStepNs) * 1e-9},
      {"execution_horizon", horizon, 1.0, rows},
      {"max_delay", max_delay, 0.0, rows}};
  std::string wrong;
  for (const auto& [name, value, low, high] : bounds) {
    if (value >= low && value <= high) continue;
    char text[160];
    std::snprintf(text, sizeof(text), "%s%s is %g, not in %g..%g", wrong.empty() ? "" : "; ", name, value,
                  low, high);
    wrong += text;
  }
  if (!wrong.empty()) throw std::invalid_argument(wrong);
  const auto n = static_cast<std::int64_t>(rows);
  return {std::llrint(dt_s * kNsPerSecond), n, std::min(static_cast<std::int64_t>(horizon), n - 1),
          std::min(static_cast<std::int64_t>(max_delay), n - 1)};
}

std::int64_t needed_rows(std::int64_t age_ns, std::int64_t latency_ns, std::int64_t dt_ns) noexcept {
  return rows_in(age_ns + latency_ns, dt_ns) + kMarginRows;
}

void Scheduler::record(std::int64_t latency_ns) noexcept {
  latencies_ns_[recorded_ % kMemory] = latency_ns;
  ++recorded_;
}

std::int64_t Scheduler::slowest_ns() const noexcept {
  const std::size_t kept = std::min(recorded_, kMemory);
  return kept == 0 ? 0 : *std::max_element(latencies_ns_.begin(), latencies_ns_.begin() + kept);
}

std::int64_t Scheduler::latency_ns() const noexcept {
  return recorded_ >= kTrusted ? slowest_ns() : std::max(slowest_ns(), prior_ns_);
}

bool Scheduler::measured() const noexcept { return recorded_ >= kTrusted || slowest_ns() >= prior_ns_; }

std::int64_t Scheduler::delay(std::int64_t age_ns) noexcept {
  needed_ = needed_rows(age_ns, latency_ns(), pace_.dt_ns);
  declared_ = std::min(needed_, pace_.max_delay);
  if (declared_ < needed_) ++shortfalls_;
  return declared_;
}

std::int64_t Scheduler::next_start_ns(std::int64_t t0_ns, std::int64_t delay) noexcept {
  newest_t0_ns_ = t0_ns;
  const std::int64_t latest = pace_.rows - 1 - delay - kMarginRows;
  return t0_ns + std::max<std::int64_t>(1, std::min(pace_.horizon, latest)) * pace_.dt_ns;
}

std::int64_t Scheduler::planned_rows(std::int64_t t0_ns) const noexcept {
  if (!newest_t0_ns_) return 0;
  const std::int64_t passed = rows_in(t0_ns - *newest_t0_ns_, pace_.dt_ns);
  return std::min(std::max<std::int64_t>(0, pace_.rows - passed), pace_.rows);
}

}  // namespace motorium
