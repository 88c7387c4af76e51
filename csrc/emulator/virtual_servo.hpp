#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "motorium/capacities.hpp"

namespace motorium {

/// State of one servo in the owner's physics. Signed values are along increasing ticks.
struct ServoPresent {
  /// Absolute encoder position, beyond one turn in other turns.
  std::int32_t position_ticks = kUsualTicksPerTurn / 2;
  std::int32_t speed_ticks_s = 0;
  std::int32_t load_permille = 0;  ///< Fraction of stall torque that the servo applies.
  std::int32_t voltage_dv = 74;
  std::int32_t temperature_c = 30;
  std::int32_t current_raw = 0;  ///< Units of 6.5 mA.
  bool moving = false;
  std::uint8_t status = 0;  ///< Fault bits: 0 voltage, 1 sensor, 2 temperature, 3 current, 5 overload.
};

/// What the servo was told over the wire.
struct ServoGoal {
  bool torque_enable = false;
  /// Encoder position, inside the servo's own limits.
  std::int32_t goal_position_ticks = kUsualTicksPerTurn / 2;
  std::int32_t goal_speed_ticks_s = 0;  ///< 0: as fast as possible
  std::int32_t acceleration = 0;        ///< Units of 100 ticks/s^2; 0: as fast as possible
  std::int32_t torque_limit_permille = 1000;
  bool turning = false;  ///< Wheel mode: turns at `turn_speed_ticks_s` instead of seeking a position.
  std::int32_t turn_speed_ticks_s = 0;  ///< Signed.
};

/// Troubles of the servo itself, in addition to those of the line.
struct ServoCondition {
  bool overload = false;    ///< Protects itself until reset as its family requires.
  bool overheat = false;    ///< Hotter than its limit.
  std::int32_t sag_dv = 0;  ///< Supply voltage lost in the cables.
};

/// One servo as a table of registers, with the effects of reading and writing them. No I/O.
class VirtualServo {
 public:
  static constexpr std::size_t kTableSize = 256;
  using Table = std::array<std::uint8_t, kTableSize>;

  virtual ~VirtualServo() = default;
  virtual std::uint8_t id() const noexcept = 0;
  virtual const Table& bytes() const noexcept = 0;
  /// Writes as the owner of the physics, past all write protection.
  virtual void poke(std::uint16_t address, std::span<const std::uint8_t> data) noexcept = 0;
  /// Writes as the factory, into EEPROM too where the address lies there.
  void program(std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
    poke(address, data);
    const std::span<std::uint8_t> kept = eeprom();
    for (std::size_t i = 0; i < data.size() && address + i < kept.size(); ++i) kept[address + i] = data[i];
  }
  /// Loses everything that is not in EEPROM.
  virtual void power_cycle() noexcept = 0;
  virtual void update(const ServoPresent& present) noexcept = 0;
  virtual ServoGoal goal() noexcept = 0;
  /// Returns how long the servo waits before it answers.
  virtual std::int64_t return_delay_ns() const noexcept = 0;
  /// Returns the speed in its own register; 0: an invalid code.
  virtual std::uint32_t baud() const noexcept = 0;
  void set_condition(const ServoCondition& condition) noexcept {
    condition_ = condition;
    update(reported_);
  }

 protected:
  /// Returns what survives a power cycle, from address 0 on.
  virtual std::span<std::uint8_t> eeprom() noexcept = 0;
  /// Applies the servo's troubles to `present`; remembers the original.
  ServoPresent troubled(const ServoPresent& present, std::int32_t max_temperature_c) noexcept {
    reported_ = present;
    ServoPresent shown = present;
    shown.voltage_dv -= condition_.sag_dv;
    if (condition_.overheat) {
      shown.temperature_c =
          shown.temperature_c > max_temperature_c ? shown.temperature_c : max_temperature_c + 5;
      shown.status |= 1U << 2;
    }
    if (condition_.overload) shown.status |= 1U << 5;
    return shown;
  }

  ServoCondition condition_;

 private:
  ServoPresent reported_;
};

}  // namespace motorium
