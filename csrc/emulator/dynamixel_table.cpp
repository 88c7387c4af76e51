#include "emulator/dynamixel_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "core/dynamixel.h"
#include "io/monotonic.hpp"

namespace motorium {
namespace {

// Dynamixel X series control table (ROBOTIS e-manual).
constexpr std::size_t kModelNumber = 0, kFirmware = 6, kBaud = 8, kReturnDelay = 9, kDriveMode = 10,
                      kMode = 11;
constexpr std::size_t kShadowId = 12, kStartup = 60;
constexpr std::size_t kHomingOffset = 20, kTemperatureLimit = 31, kPwmLimit = 36, kCurrentLimit = 38;
constexpr std::size_t kMaxPosition = 48, kMinPosition = 52, kShutdown = 63, kTorqueEnable = 64,
                      kReturnLevel = 68;
constexpr std::size_t kRegistered = 69, kHardwareError = 70, kWatchdog = 98, kGoalPwm = 100,
                      kGoalCurrent = 102, kGoalVelocity = 104;
constexpr std::size_t kProfileAcceleration = 108, kProfileVelocity = 112, kGoalPosition = 116, kMoving = 122;
constexpr std::size_t kPresentPwm = 124, kPresentLoad = 126, kPresentVelocity = 128, kPresentPosition = 132;
constexpr std::size_t kPresentVoltage = 144, kPresentTemperature = 146, kFirstRam = 64;

/// Indexed by register 8.
constexpr std::array<std::uint32_t, 8> kBauds{9'600,     57'600,    115'200,   1'000'000,
                                              2'000'000, 3'000'000, 4'000'000, 4'500'000};
constexpr std::int32_t kVelocityMode = 1, kPositionMode = 3, kExtendedMode = 4, kCurrentPositionMode = 5;
constexpr std::uint8_t kStartWithTorque = 1U << 0;
constexpr std::int32_t kReverse = 1, kMaxWatchdog = 127, kMaxReturnLevel = 2;
constexpr std::int64_t kWatchdogUnitNs = 20'000'000, kReturnDelayUnitNs = 2000;
constexpr std::uint8_t kWatchdogTripped = 0xFF;

std::int32_t decode(const std::uint8_t* bytes, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{bytes[i]} << (8 * i);
  return size == 2 ? static_cast<std::int16_t>(value) : static_cast<std::int32_t>(value);
}

std::int32_t whole(double value) { return static_cast<std::int32_t>(std::lround(value)); }

}  // namespace

DynamixelTable::DynamixelTable(std::uint8_t id, ServoModel model)
    : model_(std::move(model)),
      turn_(model_.ticks_per_turn),
      ticks_per_velocity_unit_(0.229 * turn_ / 60.0),
      acceleration_unit_(214.577 / 3600.0 * turn_ / 100.0) {
  check_counts(turn_);
  for (const EmulatedRegister& reg : model_.registers) {
    if (reg.address + std::size_t{reg.size} > kTableSize ||
        (reg.size != 1 && reg.size != 2 && reg.size != 4)) {
      throw std::invalid_argument("a register has 1, 2 or 4 bytes below address 256");
    }
  }
  std::sort(model_.registers.begin(), model_.registers.end(),
            [](const EmulatedRegister& a, const EmulatedRegister& b) { return a.address < b.address; });
  live_[kId] = id;
  factory_reset();
}

std::int32_t DynamixelTable::get(std::size_t address, std::size_t size) const noexcept {
  return decode(&live_[address], size);
}

void DynamixelTable::set(std::size_t address, std::size_t size, std::int32_t value) noexcept {
  const auto bits = static_cast<std::uint32_t>(value);
  for (std::size_t i = 0; i < size; ++i) live_[address + i] = static_cast<std::uint8_t>(bits >> (8 * i));
}

bool DynamixelTable::has(std::uint16_t address) const noexcept {
  return std::any_of(model_.registers.begin(), model_.registers.end(),
                     [address](const EmulatedRegister& reg) { return reg.address == address; });
}

void DynamixelTable::factory_reset() noexcept {
  const std::uint8_t own = live_[kId];
  live_.fill(0);
  for (const EmulatedRegister& reg : model_.registers) set(reg.address, reg.size, reg.initial);
  set(kModelNumber, 2, model_.model_number);
  live_[kFirmware] = model_.firmware;
  live_[kId] = own;
  kept_ = live_;
  power_cycle();
}

void DynamixelTable::power_cycle() noexcept {
  std::copy_n(kept_.begin(), kFirstRam, live_.begin());
  std::fill(live_.begin() + kFirstRam, live_.end(), std::uint8_t{0});
  for (const EmulatedRegister& reg : model_.registers) {
    if (reg.address >= kFirstRam) set(reg.address, reg.size, reg.initial);
  }
  set(kGoalPwm, 2, get(kPwmLimit, 2));
  if (has(kGoalCurrent)) set(kGoalCurrent, 2, get(kCurrentLimit, 2));
  pending_.clear();
  condition_ = {};
  dropped_turns_ = whole(std::floor(static_cast<double>(position_ticks_) / turn_)) * turn_;
  ServoPresent present;
  present.position_ticks = position_ticks_;
  update(present);
  set(kGoalPosition, 4, get(kPresentPosition, 4));
  if (has(kStartup) && (live_[kStartup] & kStartWithTorque) != 0) live_[kTorqueEnable] = 1;
}

std::int64_t DynamixelTable::return_delay_ns() const noexcept {
  return live_[kReturnDelay] * kReturnDelayUnitNs;
}
std::uint32_t DynamixelTable::baud() const noexcept {
  return live_[kBaud] < kBauds.size() ? kBauds[live_[kBaud]] : 0;
}
std::span<std::uint8_t> DynamixelTable::eeprom() noexcept { return {kept_.data(), kFirstRam}; }
std::uint8_t DynamixelTable::return_level() const noexcept { return live_[kReturnLevel]; }

bool DynamixelTable::obeys(std::uint8_t wanted) const noexcept {
  return wanted == id() || (has(kShadowId) && wanted == live_[kShadowId] && wanted <= MTR_DXL_MAX_ID);
}

std::uint8_t DynamixelTable::with_alert(std::uint8_t error) const noexcept {
  return static_cast<std::uint8_t>(error | (live_[kHardwareError] != 0 ? MTR_DXL_ALERT : 0));
}

std::span<const std::uint8_t> DynamixelTable::read(std::uint16_t address, std::uint16_t size) const noexcept {
  if (std::size_t{address} + size > live_.size()) return {};
  return {&live_[address], size};
}

void DynamixelTable::poke(std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
  for (std::size_t i = 0; i < data.size() && address + i < live_.size(); ++i) live_[address + i] = data[i];
}

/// Whether a register accepts a value.
std::uint8_t DynamixelTable::check(const EmulatedRegister& reg,
                                   std::span<const std::uint8_t> data) const noexcept {
  if (!reg.writable || (reg.eeprom && live_[kTorqueEnable] != 0)) return MTR_DXL_ACCESS;
  if (data.size() < reg.size) return MTR_DXL_DATA_LENGTH;
  const std::int32_t value = decode(data.data(), reg.size);
  const bool is_goal = reg.address >= kGoalPwm && reg.address <= kGoalPosition;
  if (is_goal && live_[kWatchdog] == kWatchdogTripped) return MTR_DXL_DATA_RANGE;
  switch (reg.address) {
    case kId:
      return value > MTR_DXL_MAX_ID ? MTR_DXL_DATA_RANGE : 0;
    case kMode:
      return value == kCurrentPositionMode && !has(kGoalCurrent) ? MTR_DXL_DATA_RANGE : 0;
    case kTorqueEnable:
      if (value == 1 && live_[kHardwareError] != 0) return MTR_DXL_RESULT_FAIL;
      return value > 1 ? MTR_DXL_DATA_RANGE : 0;
    case kReturnLevel:
      return value > kMaxReturnLevel ? MTR_DXL_DATA_RANGE : 0;
    case kWatchdog:
      return value > kMaxWatchdog ? MTR_DXL_DATA_RANGE : 0;
    case kGoalPwm:
      return std::abs(value) > get(kPwmLimit, 2) ? MTR_DXL_DATA_LIMIT : 0;
    case kGoalCurrent:
      return std::abs(value) > get(kCurrentLimit, 2) ? MTR_DXL_DATA_LIMIT : 0;
    case kGoalPosition:
      if (counts_turns()) return 0;
      return value < get(kMinPosition, 4) || value > get(kMaxPosition, 4) ? MTR_DXL_DATA_LIMIT : 0;
    default:
      return 0;
  }
}

std::uint8_t DynamixelTable::write(std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
  const auto first = std::find_if(model_.registers.begin(), model_.registers.end(),
                                  [address](const EmulatedRegister& reg) { return reg.address == address; });
  std::size_t at = address;
  auto rest = data;
  for (auto reg = first; !rest.empty(); ++reg) {
    if (reg == model_.registers.end() || reg->address != at) return MTR_DXL_ACCESS;
    const std::uint8_t error = check(*reg, rest);
    if (error != 0) return error;
    rest = rest.subspan(reg->size);
    at += reg->size;
  }
  rest = data;
  for (auto reg = first; !rest.empty(); ++reg) {
    std::copy_n(rest.begin(), reg->size, live_.begin() + reg->address);
    if (reg->eeprom) std::copy_n(rest.begin(), reg->size, kept_.begin() + reg->address);
    rest = rest.subspan(reg->size);
    written(*reg);
  }
  return 0;
}

void DynamixelTable::written(const EmulatedRegister& reg) noexcept {
  if (reg.address == kWatchdog) heard_ns_ = monotonic_ns();
  if (reg.address == kDriveMode || reg.address == kHomingOffset) show_position();
  if (reg.address != kMode) return;
  set(kGoalPwm, 2, get(kPwmLimit, 2));
  if (has(kGoalCurrent)) set(kGoalCurrent, 2, get(kCurrentLimit, 2));
  show_position();
}

std::uint8_t DynamixelTable::reg_write(std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
  pending_.assign(data.begin(), data.end());
  pending_address_ = address;
  live_[kRegistered] = 1;
  return 0;
}

std::uint8_t DynamixelTable::action() noexcept {
  if (live_[kRegistered] == 0) return MTR_DXL_BAD_INSTRUCTION;
  live_[kRegistered] = 0;
  return write(pending_address_, pending_);
}

std::uint8_t DynamixelTable::clear_turns() noexcept {
  if (live_[kMoving] != 0) return MTR_DXL_RESULT_FAIL;
  dropped_turns_ = whole(std::floor(static_cast<double>(position_ticks_) / turn_)) * turn_;
  show_position();
  set(kGoalPosition, 4, get(kPresentPosition, 4));
  return 0;
}

bool DynamixelTable::counts_turns() const noexcept {
  return live_[kMode] == kExtendedMode || live_[kMode] == kCurrentPositionMode;
}

std::int32_t DynamixelTable::direction() const noexcept {
  return (live_[kDriveMode] & kReverse) != 0 ? -1 : 1;
}

void DynamixelTable::show_position() noexcept {
  std::int32_t count = position_ticks_ - dropped_turns_;
  if (!counts_turns()) count = ((count % turn_) + turn_) % turn_;
  set(kPresentPosition, 4, direction() * count + get(kHomingOffset, 4));
}

void DynamixelTable::update(const ServoPresent& reported) noexcept {
  const ServoPresent present = troubled(reported, live_[kTemperatureLimit]);
  const std::int32_t load = std::clamp(present.load_permille, -1000, 1000) * direction();
  position_ticks_ = present.position_ticks;
  show_position();
  set(kPresentPwm, 2, whole(load * 0.885));
  set(kPresentLoad, 2, whole(load * (model_.effort_full_scale / 1000.0)));
  set(kPresentVelocity, 4, whole(present.speed_ticks_s * direction() / ticks_per_velocity_unit_));
  set(kPresentVoltage, 2, present.voltage_dv);
  live_[kPresentTemperature] = static_cast<std::uint8_t>(std::clamp(present.temperature_c, 0, 255));
  live_[kMoving] = present.moving ? 1 : 0;
  // A fault stays until the servo restarts; those named in Shutdown switch the torque off.
  live_[kHardwareError] |= present.status;
  if ((live_[kHardwareError] & live_[kShutdown]) != 0) live_[kTorqueEnable] = 0;
}

void DynamixelTable::watch(std::int64_t now_ns) noexcept {
  const std::uint8_t units = live_[kWatchdog];
  if (units == 0 || units == kWatchdogTripped || now_ns - heard_ns_ <= units * kWatchdogUnitNs) return;
  live_[kWatchdog] = kWatchdogTripped;
  set(kGoalPosition, 4, get(kPresentPosition, 4));
}

void DynamixelTable::hear(std::int64_t now_ns) noexcept {
  watch(now_ns);
  heard_ns_ = now_ns;
}

ServoGoal DynamixelTable::goal() noexcept {
  watch(monotonic_ns());
  ServoGoal goal;
  goal.torque_enable = live_[kTorqueEnable] == 1;
  const std::int32_t ahead = (get(kGoalPosition, 4) - get(kPresentPosition, 4)) * direction();
  goal.goal_position_ticks = position_ticks_ + ahead;
  goal.goal_speed_ticks_s = whole(get(kProfileVelocity, 4) * ticks_per_velocity_unit_);
  goal.turning = live_[kMode] == kVelocityMode;
  if (goal.turning)
    goal.turn_speed_ticks_s = whole(get(kGoalVelocity, 4) * direction() * ticks_per_velocity_unit_);
  const std::int32_t profile = get(kProfileAcceleration, 4);
  goal.acceleration = profile > 0 ? std::max(1, whole(profile * acceleration_unit_)) : 0;
  const bool by_current = live_[kMode] == kCurrentPositionMode;
  const double fraction = by_current
                              ? static_cast<double>(std::abs(get(kGoalCurrent, 2))) / model_.effort_full_scale
                              : static_cast<double>(std::abs(get(kGoalPwm, 2))) / 885.0;
  goal.torque_limit_permille = std::clamp(whole(1000.0 * fraction), 0, 1000);
  return goal;
}

}  // namespace motorium
