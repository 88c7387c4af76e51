#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace motorium::kernels {

/// Returns the nearest bfloat16; ties go to even, NaN stays NaN.
inline std::uint16_t round_bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (std::isnan(x)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace motorium::kernels
