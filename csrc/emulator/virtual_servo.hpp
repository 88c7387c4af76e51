#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "motorium/capacities.hpp"

namespace motorium {

/// What the owner's physics says about one servo. Signed values are along increasing ticks.
struct ServoPresent {
  std::int32_t position_ticks =
      kUsualTicksPerTurn / 2;  ///< Absolute encoder position, beyond one turn in others.
  std::int32_t speed_ticks_s = 0;
  std::int32_t load_permille = 0;  ///< Share of stall torque the servo applies.
  std::int32_t voltage_dv = 74;
  std::int32_t temperature_c = 30;
  std::int32_t current_raw = 0;  ///< Units of 6.5 mA.
  bool moving = false;
  std::uint8_t status = 0;  ///< Fault bits: 0 voltage, 1 sensor, 2 temperature, 3 current, 5 overload.
};

/// What the servo has been told over the wire.
struct ServoGoal {
  bool torque_enable = false;
  std::int32_t goal_position_ticks =
      kUsualTicksPerTurn / 2;           ///< Encoder position, inside the servo's own limits.
  std::int32_t goal_speed_ticks_s = 0;  ///< 0: as fast as it can
  std::int32_t acceleration = 0;        ///< Units of 100 ticks/s^2; 0: as fast as it can
  std::int32_t torque_limit_permille = 1000;
  bool turning = false;  ///< Wheel mode: it turns at `turn_speed_ticks_s` instead of heading for a position.
  std::int32_t turn_speed_ticks_s = 0;  ///< Signed.
};

/// Troubles of a servo itself, beside those of the line.
struct ServoCondition {
  bool overload = false;    ///< Protects itself, until its family's way out of it is taken.
  bool overheat = false;    ///< Hotter than its limit.
  std::int32_t sag_dv = 0;  ///< Supply voltage lost in the cables.
};

/// One servo as a table of registers: what reading and writing it does. No I/O.
class VirtualServo {
 public:
  static constexpr std::size_t kTableSize = 256;
  using Table = std::array<std::uint8_t, kTableSize>;

  virtual ~VirtualServo() = default;
  virtual std::uint8_t id() const noexcept = 0;
  virtual const Table& bytes() const noexcept = 0;
  /// As the owner of the physics, past all write protection.
  virtual void poke(std::uint16_t address, std::span<const std::uint8_t> data) noexcept = 0;
  /// As the factory, into EEPROM too where the address lies there.
  void program(std::uint16_t address, std::span<const std::uint8_t> data) noexcept {
    poke(address, data);
    const std::span<std::uint8_t> kept = eeprom();
    for (std::size_t i = 0; i < data.size() && address + i < kept.size(); ++i) kept[address + i] = data[i];
  }
  /// Loses everything that was not kept in EEPROM.
  virtual void power_cycle() noexcept = 0;
  virtual void update(const ServoPresent& present) noexcept = 0;
  virtual ServoGoal goal() noexcept = 0;
  /// How long it waits before it answers.
  virtual std::int64_t return_delay_ns() const noexcept = 0;
  /// The speed it listens at, by its own register; 0: a code that no servo has.
  virtual std::uint32_t baud() const noexcept = 0;
  void set_condition(const ServoCondition& condition) noexcept {
    condition_ = condition;
    update(reported_);
  }

 protected:
  /// What is left after a power cycle, from address 0 on.
  virtual std::span<std::uint8_t> eeprom() noexcept = 0;
  /// `present` with the servo's troubles; remembers it without them.
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
