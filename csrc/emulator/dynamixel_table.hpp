#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "emulator/servo_model.hpp"
#include "emulator/virtual_servo.hpp"

namespace motorium {

/// The control table of one Dynamixel X servo, and the effects of reading and writing it. No I/O; only the
/// bus watchdog reads the clock.
class DynamixelTable final : public VirtualServo {
 public:
  /// Throws std::invalid_argument when a register lies outside the first 256 addresses, or for an absurd
  /// turn.
  DynamixelTable(std::uint8_t id, ServoModel model);

  std::uint8_t id() const noexcept override { return live_[kId]; }
  const Table& bytes() const noexcept override { return live_; }
  void poke(std::uint16_t address, std::span<const std::uint8_t> data) noexcept override;
  void power_cycle() noexcept override;
  void update(const ServoPresent& present) noexcept override;
  ServoGoal goal() noexcept override;
  std::int64_t return_delay_ns() const noexcept override;
  std::uint32_t baud() const noexcept override;

  /// Returns the bytes, or an empty span when the range leaves the table.
  std::span<const std::uint8_t> read(std::uint16_t address, std::uint16_t size) const noexcept;
  /// Writes whole registers, all or none. Returns the error of the status packet: 0 or MTR_DXL_*.
  std::uint8_t write(std::uint16_t address, std::span<const std::uint8_t> data) noexcept;
  /// Holds a write back until `action`, which returns its result.
  std::uint8_t reg_write(std::uint16_t address, std::span<const std::uint8_t> data) noexcept;
  std::uint8_t action() noexcept;
  /// Restores factory values except the id.
  void factory_reset() noexcept;
  /// Reduces a multi-turn count to one turn; refused while moving.
  std::uint8_t clear_turns() noexcept;

  /// Feeds the bus watchdog.
  void hear(std::int64_t now_ns) noexcept;
  /// Returns the error byte of a reply: `error` and the alert bit.
  std::uint8_t with_alert(std::uint8_t error) const noexcept;
  /// Returns 0: answers only pings, 1: reads too, 2: everything.
  std::uint8_t return_level() const noexcept;
  /// Whether the servo obeys `id`: its own or its shadow id.
  bool obeys(std::uint8_t id) const noexcept;
  std::uint16_t model_number() const noexcept { return model_.model_number; }
  std::uint8_t firmware() const noexcept { return model_.firmware; }
  bool fast() const noexcept { return model_.fast_firmware > 0 && model_.firmware >= model_.fast_firmware; }

 protected:
  std::span<std::uint8_t> eeprom() noexcept override;

 private:
  static constexpr std::size_t kId = 7;

  std::int32_t get(std::size_t address, std::size_t size) const noexcept;
  void set(std::size_t address, std::size_t size, std::int32_t value) noexcept;
  std::uint8_t check(const EmulatedRegister& reg, std::span<const std::uint8_t> data) const noexcept;
  void written(const EmulatedRegister& reg) noexcept;
  bool has(std::uint16_t address) const noexcept;
  bool counts_turns() const noexcept;
  std::int32_t direction() const noexcept;
  void watch(std::int64_t now_ns) noexcept;
  void show_position() noexcept;

  ServoModel model_;
  std::int32_t turn_;               // ticks
  double ticks_per_velocity_unit_;  // 0.229 rev/min
  double acceleration_unit_;        // rev/min^2 in 100 ticks/s^2
  Table live_{}, kept_{};
  std::int32_t position_ticks_ = kUsualTicksPerTurn / 2;  // from the physics
  std::int32_t dropped_turns_ = 0;                        // ticks that the count lost when the servo started
  std::int64_t heard_ns_ = 0;
  std::vector<std::uint8_t> pending_;
  std::uint16_t pending_address_ = 0;
};

}  // namespace motorium
