#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace motorium {

/// What the owner's physics says about one servo. Signed values are along increasing ticks.
struct ServoPresent {
  std::int32_t position_ticks = 2048;  ///< Absolute encoder position 0..4095.
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
  std::int32_t goal_position_ticks = 2048;  ///< Absolute encoder position, inside the servo's own limits.
  std::int32_t goal_speed_ticks_s = 0;      ///< 0: as fast as it can
  std::int32_t acceleration = 0;            ///< Units of 100 ticks/s^2; 0: as fast as it can
  std::int32_t torque_limit_permille = 1000;
};

/// Ways to be a bad servo, for tests.
enum class ServoFault : std::uint8_t {
  none,
  drop,            ///< No reply.
  corrupt,         ///< One wrong byte.
  truncate,        ///< Half a reply.
  wrong_id,        ///< Somebody else's id, checksum right.
  wrong_length,    ///< One parameter too many, checksum right.
  garbage_before,  ///< Noise in front of the reply, with a false header in it.
  garbage_after,
  echo,  ///< The adapter echoes the request.
};

struct EmulatorStats {
  std::uint64_t requests = 0, replies = 0, bad_checksums = 0, bad_lengths = 0, dropped_bytes = 0, faults = 0;
};

/// Servos that answer Feetech protocol 0 on a pseudo-terminal, each from a table of 256 registers.
/// A thread of its own answers at once; it sleeps in poll() otherwise.
class ServoEmulator {
 public:
  /// Throws std::invalid_argument (ids) or std::system_error (no pseudo-terminal).
  ServoEmulator(std::vector<std::uint8_t> ids, std::uint16_t model);
  ~ServoEmulator();
  ServoEmulator(const ServoEmulator&) = delete;
  ServoEmulator& operator=(const ServoEmulator&) = delete;

  /// Path of the terminal a client opens.
  const std::string& port() const noexcept;
  std::size_t size() const noexcept;

  /// One entry per servo, in the order of the ids given.
  void update(std::span<const ServoPresent> present) noexcept;
  void goals(std::span<ServoGoal> out) const noexcept;
  std::array<std::uint8_t, 256> registers(std::size_t servo) const noexcept;
  void poke(std::size_t servo, std::uint8_t address, std::span<const std::uint8_t> data) noexcept;

  /// From now on every `period`-th matching reply suffers `fault`. servo -1: any.
  void set_fault(ServoFault fault, int servo, std::uint32_t period) noexcept;
  /// Loses everything that was not written with the lock open, as a power cycle does.
  void power_cycle() noexcept;
  /// The cable is pulled: clients see a hang-up. The emulator is closed then.
  void close() noexcept;
  EmulatorStats stats() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace motorium
