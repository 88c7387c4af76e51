#include "bus/servo_setting.hpp"

namespace motorium {
namespace {

constexpr std::uint8_t kErrorNumber = 0x7F;  // the highest bit of Dynamixel's error byte is an alert

std::uint32_t all_bits(std::size_t size) { return size >= 4 ? ~0U : (1U << (8 * size)) - 1; }

std::string register_name(const ServoSetting& setting) {
  return setting.words.name.empty() ? "register " + std::to_string(setting.address) : setting.words.name;
}

std::string number_text(const ServoSetting& setting, std::uint32_t raw) {
  const std::string unit = setting.words.unit.empty() ? "" : " " + setting.words.unit;
  return std::to_string(field_number(raw, setting.size, setting.format)) + unit;
}

std::string bits_text(std::uint32_t value, std::size_t size) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string text = "0x";
  for (std::size_t i = 2 * size; i-- > 0;) text += kDigits[value >> (4 * i) & 0xF];
  return text;
}

std::string wanted_text(const ServoSetting& setting) {
  if ((setting.mask & all_bits(setting.size)) == all_bits(setting.size)) {
    return number_text(setting, setting.value);
  }
  return bits_text(setting.value & setting.mask, setting.size) + " in its bits " +
         bits_text(setting.mask & all_bits(setting.size), setting.size);
}

}  // namespace

std::uint32_t get_field(const std::uint8_t* bytes, std::size_t size) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{bytes[i]} << (8 * i);
  return value;
}

void set_field(std::uint8_t* bytes, std::size_t size, std::uint32_t value) noexcept {
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::int64_t field_number(std::uint32_t raw, std::size_t size, const FieldFormat& format) noexcept {
  std::uint32_t value = raw & all_bits(size);
  if (format.high_byte_first) {
    std::uint32_t turned = 0;
    for (std::size_t i = 0; i < size; ++i) turned |= (value >> (8 * i) & 0xFF) << (8 * (size - 1 - i));
    value = turned;
  }
  if (format.sign_bit != 0) {
    const auto magnitude = static_cast<std::int64_t>(value & ((1U << format.sign_bit) - 1));
    return (value >> format.sign_bit & 1) != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t top = 1U << (8 * size - 1);
  if (format.is_signed && (value & top) != 0) return std::int64_t{value} - (std::int64_t{top} << 1);
  return value;
}

std::string describe(const ServoSetting& setting, const SettingOutcome& outcome, std::uint8_t id,
                     const std::string& port) {
  const SettingWords& words = setting.words;
  const std::string servo = "servo " + std::to_string(id) + " on " + port;
  const std::string who = words.joint.empty() ? servo : words.joint + " (" + servo + ")";
  const std::string name = register_name(setting);
  const std::string about = words.about.empty() ? "" : " (" + words.about + ")";
  const std::string wanted = wanted_text(setting);
  const std::string remedy = words.remedy.empty() ? "" : ". " + words.remedy;
  switch (outcome.trouble) {
    case SettingTrouble::none:
      return {};
    case SettingTrouble::silent:
      return who + " stopped answering during setup, asked for its " + name;
    case SettingTrouble::unconfirmed:
      return who + " did not confirm " + name + about + " = " + wanted;
    case SettingTrouble::refused:
      return who + " refused to write " + name + about + (words.name.empty() ? "" : " = " + wanted) +
             " (error " + std::to_string(outcome.error & kErrorNumber) + ")" + remedy;
    case SettingTrouble::differs: {
      const bool whole = (setting.mask & all_bits(setting.size)) == all_bits(setting.size);
      const std::string found =
          whole ? number_text(setting, outcome.found) : bits_text(outcome.found, setting.size);
      return who + " has " + name + about + " = " + found + ", needed is " + wanted + remedy;
    }
    case SettingTrouble::beyond_bound:
      return who + " should have " + name + about + " = " + wanted + ", but its " + setting.bound.name +
             " allows " + number_text(setting, outcome.found) + remedy;
  }
  return {};
}

}  // namespace motorium
