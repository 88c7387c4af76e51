#pragma once

#include <ctime>

#include <cstdint>

namespace motorium {

inline constexpr std::int64_t kNsPerS = 1'000'000'000;

/// Reads CLOCK_MONOTONIC, the one clock of the whole system.
inline std::int64_t monotonic_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNsPerS + now.tv_nsec;
}

}  // namespace motorium
