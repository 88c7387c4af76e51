#pragma once

#include <cstddef>

namespace motorium {

/// Alignment that keeps two cores from sharing a line: x86-64 prefetches lines of 64 bytes in pairs,
/// Cortex-A78AE has 64, Apple cores have 128. (std::hardware_destructive_interference_size would change the
/// layout with the compiler's flags.)
inline constexpr std::size_t kCacheLine = 128;

}  // namespace motorium
