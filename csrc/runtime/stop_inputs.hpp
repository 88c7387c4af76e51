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

/// A key that is not a stop key, for whoever acts on it.
struct KeyPress {
  std::int64_t t_ns = 0;  ///< When the control thread read it.
  std::uint8_t byte = 0;
};

/// Watches file descriptors that stop the arm: a pipe, an eventfd, a GPIO line's event descriptor, a serial
/// pedal, a terminal. One that becomes readable, hangs up or fails counts as a pressed button, so a cut wire
/// stops the arm too.
///
/// Any thread adds and removes inputs; the control thread polls them with one non-blocking system call per
/// tick.
class StopInputs {
 public:
  static constexpr std::size_t kMaxInputs = 4, kMaxKeys = KeyScanner::kMaxKeys, kKeysWaiting = 256;

  StopInputs() = default;
  ~StopInputs();
  StopInputs(const StopInputs&) = delete;
  StopInputs& operator=(const StopInputs&) = delete;

  /// Watches `fd` through a descriptor of its own. With `keys`, only these bytes stop (see KeyScanner); other
  /// bytes are handed on if `hand_on`, else dropped. Returns the number of this input. Throws
  /// std::system_error (not a descriptor) or std::invalid_argument (too many).
  int watch(int fd, std::span<const std::uint8_t> keys, bool hand_on);
  /// Stops watching input `number`; a stop it has already caused stays. Ignores unknown numbers.
  void unwatch(int number);
  /// Takes the next key that was handed on. One caller at a time.
  bool take_key(KeyPress& key) noexcept { return handed_on_.try_pop(key); }

  // For the control thread.
  /// Whether any input asks for a stop right now.
  bool pressed() noexcept;
  /// Discards pending input. False: an input still asks for a stop.
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
