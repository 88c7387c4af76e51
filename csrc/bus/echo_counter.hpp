#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace motorium {

/// Finds a request's own echoes in what comes back, wherever they stand and however often: Knuth, Morris and
/// Pratt's search over a stream. No allocation; one thread at a time.
class EchoCounter {
 public:
  /// From now on echoes of `request` count. It is copied; one longer than `kLongest` is never recognised.
  void expect(std::span<const std::uint8_t> request) noexcept;
  /// How many bytes of echoes end within `bytes`, which follow those of the last call.
  std::size_t in(std::span<const std::uint8_t> bytes) noexcept;

  static constexpr std::size_t kLongest = 1024;

 private:
  std::array<std::uint8_t, kLongest> request_{};
  std::array<std::uint16_t, kLongest>
      shorter_{};  // longest end of the first i + 1 bytes that begins them too
  std::size_t size_ = 0;
  std::size_t matched_ = 0;
};

}  // namespace motorium
