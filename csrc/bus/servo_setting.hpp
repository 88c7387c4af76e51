#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace motorium {

/// How to read a register's bytes as a number.
struct FieldFormat {
  bool is_signed = false;     ///< Two's complement.
  std::uint8_t sign_bit = 0;  ///< Sign bit of a sign-magnitude field; 0: none.
  bool high_byte_first = false;
};

/// Words for error messages about a register; empty where a setting came without them.
struct SettingWords {
  std::string joint;
  std::string name;
  std::string about;   ///< Its purpose, in a few words.
  std::string unit;    ///< Written after the value.
  std::string remedy;  ///< What to do when the servo has or takes another value.
};

/// Another register of the same servo, whose value is the upper bound.
struct SettingBound {
  std::uint16_t address = 0;
  std::uint8_t size = 0;  ///< 0: no bound.
  std::string name;
};

/// A register to set at connect, or only to check. Only the bits of `mask` count.
struct ServoSetting {
  std::uint32_t joint = 0;
  std::uint16_t address = 0;
  std::uint8_t size = 1;  ///< 1, 2 or 4 bytes
  std::uint32_t value = 0;
  std::uint32_t mask = 0xFFFFFFFF;
  bool eeprom = false;      ///< Written only when the value differs, with torque off.
  bool check_only = false;  ///< Never written: a servo with another value is refused.
  FieldFormat format;
  SettingBound bound;
  SettingWords words;
};

/// Why a servo does not have a setting.
enum class SettingTrouble : std::uint8_t { none, silent, unconfirmed, refused, differs, beyond_bound };

/// `found`: the raw value of the register when it differs, or of the bound when the value exceeds it.
struct SettingOutcome {
  SettingTrouble trouble = SettingTrouble::none;
  std::uint32_t found = 0;
  std::uint8_t error = 0;  ///< Error code of the servo that refused.
};

/// Little-endian fields of 1, 2 or 4 bytes.
std::uint32_t get_field(const std::uint8_t* bytes, std::size_t size) noexcept;
void set_field(std::uint8_t* bytes, std::size_t size, std::uint32_t value) noexcept;

/// Interprets `raw`, a little-endian field of `size` bytes, as a number.
std::int64_t field_number(std::uint32_t raw, std::size_t size, const FieldFormat& format) noexcept;
/// Describes `outcome`: joint, servo, register, what is wanted, what is there, what to do.
std::string describe(const ServoSetting& setting, const SettingOutcome& outcome, std::uint8_t id,
                     const std::string& port);

}  // namespace motorium
