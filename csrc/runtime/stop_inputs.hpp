#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

namespace motorium {

/// File descriptors that stop the arm: a pipe, an eventfd, a GPIO line's event descriptor, a serial pedal, a
/// terminal. One that becomes readable, hangs up or fails is a pressed button: a cut wire stops too.
///
/// Any thread adds; the control thread looks, with one system call a tick that never waits.
class StopInputs {
 public:
  static constexpr std::size_t kMost = 4, kMostKeys = 8;

  StopInputs() = default;
  ~StopInputs();
  StopInputs(const StopInputs&) = delete;
  StopInputs& operator=(const StopInputs&) = delete;

  /// Watches a duplicate of `fd`. With `keys` only these bytes count, and all others are read and forgotten,
  /// as for a terminal. Throws std::system_error: not a descriptor; std::invalid_argument: too many.
  void watch(int fd, std::span<const std::uint8_t> keys);

  // Control thread.
  /// Whether any input asks for a stop right now.
  bool pressed() noexcept;
  /// Reads away what has been said so far. False: an input still asks for a stop.
  bool released() noexcept;

 private:
  struct Input {
    std::atomic<int> fd{-1};
    std::array<std::uint8_t, kMostKeys> keys{};
    std::size_t key_count = 0;
  };
  static bool has_key(const Input& input, int fd) noexcept;

  std::mutex adding_;
  std::array<Input, kMost> inputs_{};
};

}  // namespace motorium
