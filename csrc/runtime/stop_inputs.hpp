#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "motorium/spsc_ring.hpp"
#include "runtime/key_scanner.hpp"

namespace motorium {

/// A key that stops nothing, for whoever carries out what it means.
struct KeyPress {
  std::int64_t t_ns = 0;  ///< When the control thread read it.
  std::uint8_t byte = 0;
};

/// File descriptors that stop the arm: a pipe, an eventfd, a GPIO line's event descriptor, a serial pedal, a
/// terminal. One that becomes readable, hangs up or fails is a pressed button: a cut wire stops too.
///
/// Any thread adds and takes away; the control thread looks, with one system call a tick that never waits.
class StopInputs {
 public:
  static constexpr std::size_t kMaxInputs = 4, kMaxKeys = KeyScanner::kMaxKeys, kKeysWaiting = 256;

  StopInputs() = default;
  ~StopInputs();
  StopInputs(const StopInputs&) = delete;
  StopInputs& operator=(const StopInputs&) = delete;

  /// Watches `fd` through a descriptor of its own. With `keys` only these bytes count (see KeyScanner); all
  /// others are read, and forgotten unless they are to be handed on. Returns the number of this input. Throws
  /// std::system_error: not a descriptor; std::invalid_argument: too many.
  int watch(int fd, std::span<const std::uint8_t> keys, bool hand_on);
  /// Watches input `number` no longer; a stop that it asked for stays. An unknown number is nothing.
  void unwatch(int number);
  /// The next key that was handed on. One caller at a time.
  bool take_key(KeyPress& key) noexcept { return handed_on_.try_pop(key); }

  // Control thread.
  /// Whether any input asks for a stop right now.
  bool pressed() noexcept;
  /// Reads away what has been said so far. False: an input still asks for a stop.
  bool released() noexcept;

 private:
  struct Input {
    std::atomic<int> fd{-1};
    KeyScanner keys{};
    bool has_keys = false, hands_on = false;
  };
  bool has_stop_key(Input& input, int fd) noexcept;

  std::mutex changing_;
  std::array<Input, kMaxInputs> inputs_{};
  std::atomic<bool> looking_{false};
  SpscRing<KeyPress, kKeysWaiting> handed_on_{};
};

}  // namespace motorium
