#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bus/servo_chain.hpp"

namespace motorium {

/// Registers that no setting may touch, for they move the motor: goals, torque, windows on them.
struct ReservedRegisters {
  std::uint32_t first = 0, last = 0;
  const char* meaning = "";
};

/// One byte of the control table and the values a setting may bring it to, such as the operating mode.
struct BoundedRegister {
  std::uint32_t address = 0;
  std::uint8_t lowest = 0, highest = 0;
  const char* meaning = "";
};

/// What a servo family reserves.
struct SettingRules {
  std::vector<ReservedRegisters> reserved;
  std::vector<BoundedRegister> bounded;
};

/// Throws std::invalid_argument unless every setting names one of `joints` joints and a size of 1, 2 or 4,
/// and keeps to the rules with each of its bytes.
void check_settings(const std::vector<ServoSetting>& settings, std::size_t joints, const SettingRules& rules);

/// Registers that raw access may write: what a servo is set up with.
struct RawWrites {
  struct Range {
    std::uint32_t first, last;
  };
  std::vector<Range> allowed;
  int torque_address;                     ///< Must read 0 first; -1: the servo itself refuses under torque.
  std::vector<std::uint32_t> locks = {};  ///< Of the EEPROM, where a series has it: takes 0 and 1 alone.

  /// Whether all of `data`, from `address` on, lies in one of the ranges, or opens or closes a lock.
  bool allow(std::uint32_t address, std::span<const std::uint8_t> data) const noexcept;
};

}  // namespace motorium
