#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace motorium {

/// Tells stop keys from other keys in what a terminal sends.
///
/// Where Escape is a stop key, arrow and function keys are ignored: a terminal sends them as one burst that
/// begins with Escape (ECMA-48: `ESC [` ... final byte; DEC: `ESC O` one byte; the Linux console: `ESC [ [`
/// one byte). When in doubt it is a stop: Escape alone, Escape with another key (Alt), a burst split after
/// its Escape, a stop key inside a sequence. No byte of a sequence is handed on as a key.
class KeyScanner {
 public:
  static constexpr std::size_t kMaxKeys = 8;

  void watch(std::span<const std::uint8_t> stop_keys) noexcept;

  /// Forgets a sequence begun before.
  void forget() noexcept { within_ = Within::nothing; }

  /// Scans one burst, read at `now_ns`. True when it holds a stop key; calls `hand_on(byte)` for other keys.
  template <class HandOn>
  bool scan(std::span<const std::uint8_t> burst, std::int64_t now_ns, HandOn&& hand_on) noexcept {
    if (now_ns - last_ns_ > kTogetherNs) forget();
    last_ns_ = now_ns;
    bool stop = false;
    for (std::size_t i = 0; i < burst.size(); ++i) {
      const std::uint8_t byte = burst[i];
      if (!stops(byte)) {
        if (!belongs(byte)) hand_on(byte);
        continue;
      }
      const bool more = i + 1 < burst.size();
      if (byte == kEscape && more && opens(burst[i + 1])) {
        within_ = burst[++i] == '[' ? Within::intro : Within::single;
        continue;
      }
      stop = true;
      within_ = byte == kEscape ? Within::escape : Within::nothing;
    }
    return stop;
  }

 private:
  enum class Within : std::uint8_t { nothing, escape, intro, parameters, single };
  static constexpr std::uint8_t kEscape = 0x1b;
  static constexpr std::int64_t kTogetherNs =
      500'000'000;  // bytes of one key, when a slow network parts them

  static bool opens(std::uint8_t byte) noexcept { return byte == '[' || byte == 'O'; }
  bool stops(std::uint8_t byte) const noexcept;

  /// Whether `byte` continues a key that began with Escape.
  bool belongs(std::uint8_t byte) noexcept;

  std::array<std::uint8_t, kMaxKeys> keys_{};
  std::size_t count_ = 0;
  Within within_ = Within::nothing;
  std::int64_t last_ns_ = 0;
};

}  // namespace motorium
