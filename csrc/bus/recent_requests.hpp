#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace motorium {

/// Requests to single servos that may still come back as echoes. Feetech marks neither requests nor replies:
/// a read's echo has the form of a reply with two bytes of data and error 0x02. No allocation.
class RecentRequests {
 public:
  /// A request goes out whose echo may come until `until_ns`.
  void sent(std::span<const std::uint8_t> request, std::int64_t until_ns) noexcept;
  /// Whether `frame` is byte for byte a request whose echo may still come.
  bool contain(std::span<const std::uint8_t> frame, std::int64_t now_ns) const noexcept;
  /// Bytes of the longest of them; 0 when no echo can come.
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
