#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bus/servo_chain.hpp"

namespace motorium {

/// Registers that no setting may touch, because they move the motor: goals, torque, and indirect access to
/// them.
struct ReservedRegisters {
  std::uint32_t first = 0, last = 0;
  const char* meaning = "";
};

/// A byte of the control table with the values that a setting may give it, such as the operating mode.
struct BoundedRegister {
  std::uint32_t address = 0;
  std::uint8_t lowest = 0, highest = 0;
  const char* meaning = "";
};

/// Registers that a servo family reserves or bounds.
struct SettingRules {
  std::vector<ReservedRegisters> reserved;
  std::vector<BoundedRegister> bounded;
};

/// Throws std::invalid_argument unless every setting names one of `joints` joints, has a size of 1, 2 or 4,
/// and obeys the rules with each of its bytes.
void check_settings(const std::vector<ServoSetting>& settings, std::size_t joints, const SettingRules& rules);

/// Registers that raw access may write, for setting up a servo.
struct RawWrites {
  struct Range {
    std::uint32_t first, last;
  };
  std::vector<Range> allowed;
  int torque_address;  ///< Must read 0 first; -1: the servo itself refuses writes under torque.
  /// EEPROM locks, where the series has them; only 0 and 1 may be written.
  std::vector<std::uint32_t> locks = {};

  /// Whether `data`, written at `address`, lies within one of the ranges, or opens or closes a lock.
  bool allow(std::uint32_t address, std::span<const std::uint8_t> data) const noexcept;
};

}  // namespace motorium
