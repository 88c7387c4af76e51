#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace motorium {

/// Finds echoes of a request in incoming bytes, wherever they are and however often: Knuth, Morris and
/// Pratt's search over a stream. Never allocates; one thread at a time.
class EchoCounter {
 public:
  /// Counts echoes of `request` from now on. Copies it; one longer than `kLongest` is never recognised.
  void expect(std::span<const std::uint8_t> request) noexcept;
  /// Returns how many bytes of echoes end within `bytes`, which follow those of the last call.
  std::size_t in(std::span<const std::uint8_t> bytes) noexcept;

  static constexpr std::size_t kLongest = 1024;

 private:
  std::array<std::uint8_t, kLongest> request_{};
  std::array<std::uint16_t, kLongest>
      shorter_{};  // longest suffix of the first i + 1 bytes that is also a prefix
  std::size_t size_ = 0;
  std::size_t matched_ = 0;
};

}  // namespace motorium
