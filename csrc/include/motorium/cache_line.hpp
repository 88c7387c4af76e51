#pragma once

#include <cstddef>

namespace motorium {

/// Bytes that two cores may fight over: x86-64 prefetches lines of 64 in pairs,
/// Cortex-A78AE has 64, Apple cores have 128. (std::hardware_destructive_interference_size
/// would change the layout with the compiler's flags.)
inline constexpr std::size_t kCacheLine = 128;

}  // namespace motorium
