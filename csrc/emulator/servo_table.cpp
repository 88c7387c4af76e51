#include "emulator/servo_table.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "core/feetech.h"

namespace motorium {
namespace {

// Feetech STS series memory table.
constexpr std::size_t kFirmwareMajor = 0, kFirmwareMinor = 1, kModel = 3, kBaud = 6, kReturnDelay = 7;
constexpr std::size_t kMinPosition = 9, kMaxPosition = 11, kMaxTemperature = 13, kMaxVoltage = 14,
                      kMinVoltage = 15;
constexpr std::size_t kMaxTorque = 16, kPhase = 18, kUnloading = 19, kLedAlarm = 20, kP = 21, kD = 22;
constexpr std::size_t kMinStart = 24, kDeadCw = 26, kDeadCcw = 27, kProtectionCurrent = 28, kResolution = 30;
constexpr std::size_t kHomingOffset = 31, kMode = 33, kProtectionTime = 35, kOverload = 36;
constexpr std::size_t kSpeedP = 37, kOvercurrentTime = 38, kSpeedI = 39;
constexpr std::size_t kTorqueEnable = 40, kAcceleration = 41, kGoalPosition = 42, kGoalSpeed = 46,
                      kTorqueLimit = 48;
constexpr std::size_t kPresentPosition = 56, kPresentSpeed = 58, kPresentLoad = 60, kPresentVoltage = 62;
constexpr std::size_t kPresentTemperature = 63, kMoving = 66, kPresentCurrent = 69, kMaxAcceleration = 85;
constexpr std::size_t kFirstWritable = 5, kEepromEnd = 40, kFirstReadOnly = 56, kLastReadOnly = 70;

constexpr unsigned kSignPosition = 15, kSignLoad = 10, kSignOffset = 11, kSignCurrent = 15;
constexpr std::uint8_t kCalibrateMiddle = 128;
constexpr std::uint8_t kOverloadBit = 1U << 5;
constexpr std::uint8_t kDriveBackwards = 1U << 0, kFullAngle = 1U << 4,
                       kCountBackwards = 1U << 7;  // bit of phase
constexpr std::int64_t kReturnDelayUnitNs = 2000;
constexpr std::int32_t kPermillePerPercent = 10;

/// Indexed by register 6 (Feetech STS and SCS memory tables).
constexpr std::array<std::uint32_t, 8> kBauds{1'000'000, 500'000, 250'000, 128'000,
                                              115'200,   76'800,  57'600,  38'400};
constexpr std::uint8_t kWheelMode = 1;

bool is_read_only(std::size_t address) {
  return address < kFirstWritable || (address >= kFirstReadOnly && address <= kLastReadOnly);
}

std::int32_t wrap(std::int32_t ticks, std::int32_t turn) { return ((ticks % turn) + turn) % turn; }

}  // namespace

ServoTable::ServoTable(std::uint8_t id, std::uint16_t model, const Series& series)
    : model_(model), series_(series) {
  live_[kId] = id;
  reset();
}

void ServoTable::set16(std::size_t address, std::uint16_t value) noexcept {
  (series_.high_byte_first ? mtr_ft_put16_high_first : mtr_ft_put16)(&live_[address], value);
}
std::uint16_t ServoTable::get16(std::size_t address) const noexcept {
  return (series_.high_byte_first ? mtr_ft_get16_high_first : mtr_ft_get16)(&live_[address]);
}

std::int32_t ServoTable::homing_offset() const noexcept {
  return series_.homing_offset ? mtr_ft_decode_signed(get16(kHomingOffset), kSignOffset) : 0;
}

std::int32_t ServoTable::ticks_per_count() const noexcept {
  return series_.phase ? std::max<std::int32_t>(live_[kResolution], 1) : 1;
}

/// Updates the present position, with direction, offset and resolution from the servo's own memory.
void ServoTable::show_position() noexcept {
  const std::uint8_t phase = series_.phase ? live_[kPhase] : std::uint8_t{0};
  const std::int32_t direction = (phase & kCountBackwards) != 0 ? -1 : 1;
  std::int32_t count = direction * position_ticks_ - homing_offset();
  if ((phase & kFullAngle) == 0) count = wrap(count, series_.turn);
  set16(kPresentPosition, mtr_ft_encode_signed(count / ticks_per_count(), kSignPosition));
}

/// Returns where the servo drives to. The goal register reads back as written; only its effect is clamped.
std::int32_t ServoTable::encoder_goal() const noexcept {
  std::int32_t count = mtr_ft_decode_signed(get16(kGoalPosition), kSignPosition);
  const std::int32_t least = get16(kMinPosition), most = get16(kMaxPosition);
  if (least < most) count = std::clamp(count, least, most);
  const std::uint8_t phase = series_.phase ? live_[kPhase] : std::uint8_t{0};
  const std::int32_t direction = (phase & kCountBackwards) != 0 ? -1 : 1;
  std::int32_t encoder = direction * (count * ticks_per_count() + homing_offset());
  // both 0: goals in other turns are allowed
  if (least != 0 || most != 0) encoder = wrap(encoder, series_.turn);
  const bool away = ((phase & kDriveBackwards) != 0) != ((phase & kCountBackwards) != 0);
  return away ? 2 * position_ticks_ - encoder : encoder;
}

void ServoTable::reset() noexcept {
  const std::uint8_t id = live_[kId];
  live_.fill(0);
  live_[kFirmwareMajor] = 3;
  live_[kFirmwareMinor] = 10;
  set16(kModel, model_);
  live_[kId] = id;
  live_[kReturnDelay] = 250;
  live_[kResponseLevel] = 1;
  set16(kMinPosition, 0);
  set16(kMaxPosition, static_cast<std::uint16_t>(series_.turn - 1));
  live_[kMaxTemperature] = 70;
  live_[kMaxVoltage] = 80;
  live_[kMinVoltage] = 40;
  set16(kMaxTorque, 1000);
  live_[kPhase] = 12;
  live_[kUnloading] = 44;
  live_[kLedAlarm] = 47;
  live_[kP] = 32;
  live_[kD] = 32;
  live_[kMinStart] = 16;
  live_[kDeadCw] = 1;
  live_[kDeadCcw] = 1;
  set16(kProtectionCurrent, 500);
  live_[kResolution] = 1;
  live_[kProtectionTime] = 200;
  live_[kOverload] = 80;
  live_[kSpeedP] = 10;
  live_[kOvercurrentTime] = 200;
  live_[kSpeedI] = 10;
  live_[series_.protection_torque] = 20;
  std::copy_n(live_.begin(), kEepromEnd, eeprom_.begin());
  power_cycle();
}

void ServoTable::power_cycle() noexcept {
  std::copy(eeprom_.begin(), eeprom_.end(), live_.begin());
  std::fill(live_.begin() + kEepromEnd, live_.end(), std::uint8_t{0});
  if (series_.torque_limit) set16(kTorqueLimit, get16(kMaxTorque));
  live_[series_.lock] = 1;
  live_[kMaxAcceleration] = 254;
  pending_size_ = 0;
  overloaded_ = condition_.overload = false;
  ServoPresent present;
  present.position_ticks = position_ticks_;
  update(present);
  set16(kGoalPosition, get16(kPresentPosition));
}

std::span<const std::uint8_t> ServoTable::read(std::uint8_t address, std::uint8_t size) const noexcept {
  if (std::size_t{address} + size > live_.size()) return {};
  return {&live_[address], size};
}

void ServoTable::poke(std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
  for (std::size_t i = 0; i < data.size() && address + i < live_.size(); ++i) live_[address + i] = data[i];
  if (address < kPresentPosition) show_position();
}

std::int64_t ServoTable::return_delay_ns() const noexcept { return live_[kReturnDelay] * kReturnDelayUnitNs; }

std::uint32_t ServoTable::baud() const noexcept {
  return live_[kBaud] < kBauds.size() ? kBauds[live_[kBaud]] : 0;
}

void ServoTable::write(std::uint8_t address, std::span<const std::uint8_t> data) noexcept {
  const bool keep = live_[series_.lock] == 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::size_t at = address + i;
    if (at >= live_.size() || is_read_only(at)) continue;
    if (at == kTorqueEnable && data[i] == kCalibrateMiddle && series_.homing_offset) {
      calibrate_middle();
      continue;
    }
    live_[at] = data[i];
    // how to leave an overload
    if (at == kTorqueEnable && data[i] == 0) overloaded_ = condition_.overload = false;
    if (keep && at < kEepromEnd) eeprom_[at] = data[i];
  }
  show_position();
}

/// Writing 128 to the torque register makes the present position the middle of the turn.
void ServoTable::calibrate_middle() noexcept {
  const std::int32_t actual = wrap(position_ticks_, series_.turn);
  set16(kHomingOffset, mtr_ft_encode_signed(actual - series_.turn / 2, kSignOffset));
  std::copy_n(live_.begin() + kHomingOffset, 2, eeprom_.begin() + kHomingOffset);
  set16(kPresentPosition, static_cast<std::uint16_t>(series_.turn / 2));
}

void ServoTable::reg_write(std::uint8_t address, std::span<const std::uint8_t> data) noexcept {
  pending_address_ = address;
  pending_size_ = std::min(data.size(), pending_.size());
  std::copy_n(data.begin(), pending_size_, pending_.begin());
}

void ServoTable::action() noexcept {
  write(pending_address_, {pending_.data(), pending_size_});
  pending_size_ = 0;
}

void ServoTable::update(const ServoPresent& reported) noexcept {
  const ServoPresent present = troubled(reported, live_[kMaxTemperature]);
  overloaded_ = overloaded_ || condition_.overload;
  position_ticks_ = present.position_ticks;
  show_position();
  set16(kPresentSpeed, mtr_ft_encode_signed(present.speed_ticks_s, kSignPosition));
  set16(kPresentLoad, mtr_ft_encode_signed(std::clamp(present.load_permille, -1000, 1000), kSignLoad));
  live_[kPresentVoltage] = static_cast<std::uint8_t>(std::clamp(present.voltage_dv, 0, 255));
  live_[kPresentTemperature] = static_cast<std::uint8_t>(std::clamp(present.temperature_c, 0, 255));
  live_[kStatus] = static_cast<std::uint8_t>(present.status | (overloaded_ ? kOverloadBit : 0));
  live_[kMoving] = present.moving ? 1 : 0;
  set16(kPresentCurrent, mtr_ft_encode_signed(present.current_raw, kSignCurrent));
}

ServoGoal ServoTable::goal() noexcept {
  ServoGoal goal;
  goal.torque_enable = live_[kTorqueEnable] == 1;
  goal.goal_position_ticks = encoder_goal();
  goal.turning =
      series_.homing_offset && live_[kMode] == kWheelMode;  // the SCS series has wheel mode elsewhere
  if (goal.turning) goal.turn_speed_ticks_s = mtr_ft_decode_signed(get16(kGoalSpeed), kSignPosition);
  goal.goal_speed_ticks_s = std::abs(mtr_ft_decode_signed(get16(kGoalSpeed), kSignPosition));
  goal.acceleration = live_[kAcceleration];
  goal.torque_limit_permille =
      std::min<std::int32_t>(get16(series_.torque_limit ? kTorqueLimit : kMaxTorque), 1000);
  if (overloaded_) {
    const std::int32_t held = live_[series_.protection_torque] * kPermillePerPercent;
    goal.torque_limit_permille = std::min(goal.torque_limit_permille, held);
  }
  return goal;
}

}  // namespace motorium
