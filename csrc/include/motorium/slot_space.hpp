#pragma once

#include <cstdint>

namespace motorium {

/// Width of the unified state-action space.
inline constexpr std::uint32_t kSlots = 200;

}  // namespace motorium
