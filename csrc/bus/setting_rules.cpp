#include "bus/setting_rules.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace motorium {
namespace {

[[noreturn]] void refuse(const ServoSetting& setting, const char* meaning, const std::string& why) {
  throw std::invalid_argument("a setting of joint " + std::to_string(setting.joint) + " writes register " +
                              std::to_string(setting.address) + ", " + meaning + ": " + why);
}

bool is_size(std::uint8_t size) { return size == 1 || size == 2 || size == 4; }

std::uint8_t byte_of(std::uint32_t value, std::uint32_t place) {
  return static_cast<std::uint8_t>(value >> (8 * place));
}

void check(const ServoSetting& setting, const SettingRules& rules) {
  const std::uint32_t first = setting.address, end = first + setting.size;
  for (const ReservedRegisters& range : rules.reserved) {
    if (first > range.last || end <= range.first) continue;
    refuse(setting, range.meaning, "only the driver behind the safety gate writes it");
  }
  for (const BoundedRegister& bounded : rules.bounded) {
    if (bounded.address < first || bounded.address >= end) continue;
    const std::uint8_t mask = byte_of(setting.mask, bounded.address - first);
    const std::uint8_t value = byte_of(setting.value, bounded.address - first) & mask;
    if (mask == 0 || (value >= bounded.lowest && value <= bounded.highest)) continue;
    refuse(setting, bounded.meaning,
           "must be " + std::to_string(bounded.lowest) + ".." + std::to_string(bounded.highest));
  }
}

}  // namespace

void check_settings(const std::vector<ServoSetting>& settings, std::size_t joints,
                    const SettingRules& rules) {
  for (const ServoSetting& setting : settings) {
    const bool bound_ok = setting.bound.size == 0 || is_size(setting.bound.size);
    if (setting.joint >= joints || !is_size(setting.size) || !bound_ok ||
        setting.format.sign_bit >= 8 * setting.size) {
      throw std::invalid_argument(
          "a setting names a joint that is not there, a size other than 1, 2 or 4, or a sign outside it");
    }
    check(setting, rules);
  }
}

bool RawWrites::allow(std::uint32_t address, std::span<const std::uint8_t> data) const noexcept {
  const bool lock = std::find(locks.begin(), locks.end(), address) != locks.end();
  if (lock && data.size() == 1 && data[0] <= 1) return true;
  return std::any_of(allowed.begin(), allowed.end(), [&](const Range& range) {
    return address >= range.first && address + data.size() <= std::size_t{range.last} + 1;
  });
}

}  // namespace motorium
