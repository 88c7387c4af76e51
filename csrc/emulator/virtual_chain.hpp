#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "emulator/reply_line.hpp"
#include "emulator/virtual_servo.hpp"

namespace motorium {

/// Servos on one wire that answer in one protocol. No thread, no terminal.
class VirtualChain {
 public:
  virtual ~VirtualChain() = default;
  /// Takes bytes from the master, split anywhere.
  virtual void consume(std::span<const std::uint8_t> bytes) = 0;
  virtual std::size_t size() const noexcept = 0;
  virtual VirtualServo& servo(std::size_t i) noexcept = 0;

  /// Unplugs the cable before servo `i`: it and those after it neither hear, answer nor have power.
  void unplug_from(std::size_t i) noexcept { plugged_ = i < plugged_ ? i : plugged_; }
  /// Powers all servos again; those that were off have lost their RAM.
  void replug() noexcept {
    for (std::size_t i = plugged_; i < size(); ++i) servo(i).power_cycle();
    plugged_ = kAll;
  }

  /// Plugs or unplugs servo `i` alone: without its cables it neither hears, answers nor has power.
  void connect(std::size_t i, bool on) noexcept {
    if (!on) servo(i).power_cycle();
    off_[i] = !on;
  }
  /// Sets the speed of the next bytes: servos set to another speed hear none of them. 0: all hear.
  void listen_at(std::uint32_t baud) noexcept { heard_baud_ = baud; }

  ReplyLine line;

 protected:
  /// Whether servo `i` hears the wire and can answer.
  bool hears(std::size_t i) noexcept {
    return i < plugged_ && !off_[i] && (heard_baud_ == 0 || servo(i).baud() == heard_baud_);
  }
  /// Calls handle(i) for every servo that hears `id`; servos with the same id answer at once.
  template <typename Handle>
  void tell(std::uint8_t id, const Handle& handle, std::size_t first = 0) {
    line.begin_overlap();
    for (std::size_t i = first; i < size(); ++i) {
      if (hears(i) && servo(i).id() == id) handle(i);
    }
    line.end_overlap();
  }
  /// Calls handle(i) for all servos. Ids answer in turn, servos with the same id at once.
  template <typename Handle>
  void tell_all(const Handle& handle) {
    std::vector<std::size_t> told;  // before one of them changes its id
    for (std::size_t i = 0; i < size(); ++i) {
      if (hears(i) && !doubled_before(i)) told.push_back(i);
    }
    for (const std::size_t first : told) tell(servo(first).id(), handle, first);
  }

 private:
  /// Whether a servo before `i` has the same id: on the wire both answer at once.
  bool doubled_before(std::size_t i) noexcept {
    for (std::size_t k = 0; k < i; ++k) {
      if (hears(k) && servo(k).id() == servo(i).id()) return true;
    }
    return false;
  }

  static constexpr std::size_t kAll = ~std::size_t{0};
  std::size_t plugged_ = kAll;
  std::bitset<256> off_;
  std::uint32_t heard_baud_ = 0;
};

}  // namespace motorium
