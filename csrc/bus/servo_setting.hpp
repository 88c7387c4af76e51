#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace motorium {

/// How the bytes of a register are a number.
struct FieldFormat {
  bool is_signed = false;     ///< Two's complement.
  std::uint8_t sign_bit = 0;  ///< Of a sign-magnitude field; 0: it has none.
  bool high_byte_first = false;
};

/// What an error says of a register; all empty where a setting came without words.
struct SettingWords {
  std::string joint;
  std::string name;
  std::string about;   ///< What it is for, in a few words.
  std::string unit;    ///< Written behind its value.
  std::string remedy;  ///< What to do when the servo has, or takes, another value.
};

/// The register of the same servo that a value may not exceed.
struct SettingBound {
  std::uint16_t address = 0;
  std::uint8_t size = 0;  ///< 0: there is none.
  std::string name;
};

/// One register to bring to a value at connect, or to find at it. Only the bits of `mask` count.
struct ServoSetting {
  std::uint32_t joint = 0;
  std::uint16_t address = 0;
  std::uint8_t size = 1;  ///< 1, 2 or 4 bytes
  std::uint32_t value = 0;
  std::uint32_t mask = 0xFFFFFFFF;
  bool eeprom = false;      ///< Written only when it differs, with torque off.
  bool check_only = false;  ///< Never written: a servo that has another value is refused.
  FieldFormat format;
  SettingBound bound;
  SettingWords words;
};

/// What kept a servo from a setting.
enum class SettingTrouble : std::uint8_t { none, silent, unconfirmed, refused, differs, beyond_bound };

/// `found` is the register's raw value where it differs, the bound's where the value lies beyond it.
struct SettingOutcome {
  SettingTrouble trouble = SettingTrouble::none;
  std::uint32_t found = 0;
  std::uint8_t error = 0;  ///< Of the servo that refused.
};

/// Little-endian fields of 1, 2 or 4 bytes.
std::uint32_t get_field(const std::uint8_t* bytes, std::size_t size) noexcept;
void set_field(std::uint8_t* bytes, std::size_t size, std::uint32_t value) noexcept;

/// The number that `raw`, a little-endian field of `size` bytes, stands for.
std::int64_t field_number(std::uint32_t raw, std::size_t size, const FieldFormat& format) noexcept;
/// `outcome` in words: joint, servo, register, what is wanted, what is there, what to do.
std::string describe(const ServoSetting& setting, const SettingOutcome& outcome, std::uint8_t id,
                     const std::string& port);

}  // namespace motorium
