#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "emulator/reply_line.hpp"
#include "emulator/virtual_servo.hpp"

namespace motorium {

/// Servos that hear one wire and answer in one protocol. No thread, no terminal.
class VirtualChain {
 public:
  virtual ~VirtualChain() = default;
  /// Bytes from the master, cut anywhere.
  virtual void consume(std::span<const std::uint8_t> bytes) = 0;
  virtual std::size_t size() const noexcept = 0;
  virtual VirtualServo& servo(std::size_t i) noexcept = 0;

  /// The cable in front of servo `i` is off: neither it nor those behind it hear, answer or have power.
  void unplug_from(std::size_t i) noexcept { plugged_ = i < plugged_ ? i : plugged_; }
  /// All have power again; what was off has lost its RAM.
  void replug() noexcept {
    for (std::size_t i = plugged_; i < size(); ++i) servo(i).power_cycle();
    plugged_ = kAll;
  }

  ReplyLine line;

 protected:
  bool plugged(std::size_t i) const noexcept { return i < plugged_; }

 private:
  static constexpr std::size_t kAll = ~std::size_t{0};
  std::size_t plugged_ = kAll;
};

/// Throws std::invalid_argument when ids are none, out of range or used twice.
void check_servo_ids(std::span<const std::uint8_t> ids);

}  // namespace motorium
