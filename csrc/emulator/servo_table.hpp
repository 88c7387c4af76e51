#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "emulator/virtual_servo.hpp"

namespace motorium {

/// The register table of one STS3215, and the effects of reading and writing it. No I/O, no clock.
class ServoTable final : public VirtualServo {
 public:
  /// Differences between the series.
  struct Series {
    bool high_byte_first = false;
    bool sync_read = true;
    std::size_t lock = 55, protection_torque = 34;
    std::int32_t turn = kUsualTicksPerTurn;
    bool torque_limit = true;  ///< In RAM; else the one in EEPROM applies at once.
    bool homing_offset = true;
    bool phase = true;  ///< Has direction and range of counts, and the encoder steps in each.
  };
  static Series sts() noexcept { return {}; }
  static Series scs() noexcept { return {true, false, 48, 37, 1024, false, false, false}; }

  ServoTable(std::uint8_t id, std::uint16_t model, const Series& series);
  bool answers_sync_read() const noexcept { return series_.sync_read; }

  std::uint8_t id() const noexcept override { return live_[kId]; }
  /// Whether the servo acknowledges writes (status return level); reads are always answered.
  bool acknowledges() const noexcept { return live_[kResponseLevel] != 0; }
  std::uint8_t status() const noexcept { return live_[kStatus]; }
  const Table& bytes() const noexcept override { return live_; }

  /// Returns the bytes, or an empty span when the range leaves the table.
  std::span<const std::uint8_t> read(std::uint8_t address, std::uint8_t size) const noexcept;
  /// Writes what is writable; read-only registers and anything outside stay unchanged.
  void write(std::uint8_t address, std::span<const std::uint8_t> data) noexcept;
  /// Holds a write back until `action`.
  void reg_write(std::uint8_t address, std::span<const std::uint8_t> data) noexcept;
  void action() noexcept;
  /// Restores factory values except the id.
  void reset() noexcept;
  void power_cycle() noexcept override;
  void poke(std::uint16_t address, std::span<const std::uint8_t> data) noexcept override;

  void update(const ServoPresent& present) noexcept override;
  ServoGoal goal() noexcept override;
  std::int64_t return_delay_ns() const noexcept override;
  std::uint32_t baud() const noexcept override;

 protected:
  std::span<std::uint8_t> eeprom() noexcept override { return eeprom_; }

 private:
  static constexpr std::size_t kId = 5;
  static constexpr std::size_t kResponseLevel = 8;
  static constexpr std::size_t kStatus = 65;

  void set16(std::size_t address, std::uint16_t value) noexcept;
  std::uint16_t get16(std::size_t address) const noexcept;
  std::int32_t homing_offset() const noexcept;
  std::int32_t ticks_per_count() const noexcept;
  std::int32_t encoder_goal() const noexcept;
  void show_position() noexcept;
  void calibrate_middle() noexcept;

  std::uint16_t model_;
  Series series_;
  Table live_{};
  std::int32_t position_ticks_ = kUsualTicksPerTurn / 2;  // from the physics
  bool overloaded_ = false;
  std::array<std::uint8_t, 40> eeprom_{};
  std::array<std::uint8_t, 253> pending_{};
  std::uint8_t pending_address_ = 0;
  std::size_t pending_size_ = 0;
};

}  // namespace motorium
