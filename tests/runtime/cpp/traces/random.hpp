#pragma once

#include <cstdint>

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers on every machine and with every library.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15u + 0x1234567u) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }
  double in(double low, double high) noexcept { return low + unit() * (high - low); }
  float real(double low, double high) noexcept { return static_cast<float>(in(low, high)); }
  bool chance(double p) noexcept { return unit() < p; }
  std::uint32_t below(std::uint32_t n) noexcept { return static_cast<std::uint32_t>(next() % n); }
  std::int64_t ms(double low, double high) noexcept { return static_cast<std::int64_t>(in(low, high) * 1e6); }

 private:
  std::uint64_t state_;
};
