#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace motorium {

using Sha256 = std::array<std::uint8_t, 32>;

/// FIPS 180-4.
Sha256 sha256(std::span<const std::uint8_t> bytes) noexcept;

/// CRC-32 as in Ethernet and zip: polynomial 0x04C11DB7, reflected. `before`: CRC of the preceding bytes.
std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before = 0) noexcept;

}  // namespace motorium
