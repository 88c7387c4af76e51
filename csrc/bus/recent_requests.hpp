#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace motorium {

/// Remembers requests to single servos whose echo may still arrive. Feetech marks neither requests nor
/// replies: the echo of a read looks like a reply with two bytes of data and error 0x02. Never allocates.
class RecentRequests {
 public:
  /// Remembers a request whose echo may arrive until `until_ns`.
  void sent(std::span<const std::uint8_t> request, std::int64_t until_ns) noexcept;
  /// Whether `frame` is byte for byte a request whose echo may still arrive.
  bool contain(std::span<const std::uint8_t> frame, std::int64_t now_ns) const noexcept;
  /// Returns the length of the longest such request in bytes; 0 when no echo can arrive.
  std::size_t longest(std::int64_t now_ns) const noexcept;

 private:
  struct Entry {
    std::uint64_t hash = 0;
    std::size_t size = 0;
    std::int64_t until_ns = 0;
  };
  static constexpr std::size_t kEntries = 64;

  std::array<Entry, kEntries> entries_{};
  std::int64_t newest_ns_ = 0;
};

}  // namespace motorium
