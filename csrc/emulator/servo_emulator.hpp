#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "emulator/dynamixel_table.hpp"
#include "emulator/reply_line.hpp"
#include "emulator/virtual_servo.hpp"

namespace motorium {

class VirtualChain;

/// Servos that answer their protocol on a pseudo-terminal, each from a table of registers. A thread of its
/// own answers; it sleeps in poll() otherwise.
class ServoEmulator {
 public:
  using Dynamixels = std::vector<std::pair<std::uint8_t, DynamixelModel>>;

  /// Feetech protocol 0, STS series; or the SCS series, with its own register layout and the high byte first.
  /// Throws std::invalid_argument (ids) or std::system_error (no pseudo-terminal).
  /// `turns`: counts of each servo's encoder; none: as the series has.
  ServoEmulator(const std::vector<std::uint8_t>& ids, std::uint16_t model, bool high_byte_first = false,
                const std::vector<std::int32_t>& turns = {});
  /// Dynamixel protocol 2.0. Throws as above.
  explicit ServoEmulator(const Dynamixels& servos);
  ~ServoEmulator();
  ServoEmulator(const ServoEmulator&) = delete;
  ServoEmulator& operator=(const ServoEmulator&) = delete;

  /// Path of the terminal a client opens.
  const std::string& port() const noexcept;
  std::size_t size() const noexcept;
  /// Place of a servo by its id, or -1.
  int find(std::uint8_t id) const noexcept;

  /// One entry per servo, in the order of the ids given.
  void update(std::span<const ServoPresent> present) noexcept;
  void goals(std::span<ServoGoal> out) const noexcept;
  VirtualServo::Table registers(std::size_t servo) const noexcept;
  void poke(std::size_t servo, std::uint16_t address, std::span<const std::uint8_t> data) noexcept;

  /// From now on every `period`-th matching reply suffers
  /// `fault`. servo -1: any. `delay_s` is for ServoFault::delay.
  void set_fault(ServoFault fault, int servo, std::uint32_t period, double delay_s) noexcept;
  /// Troubles of one servo, or of all with -1.
  void set_condition(const ServoCondition& condition, int servo) noexcept;
  /// Replies take the time that their bytes need at `baud`; 0: none.
  void set_wire(std::uint32_t baud) noexcept;
  /// Servos listen at `baud`: to a client that has set its port to another speed nobody answers. 0: at any.
  void set_baud(std::uint32_t baud) noexcept;
  /// Each servo listens at the speed that its own register says, and no longer at any.
  void set_own_bauds() noexcept;
  /// As the factory: past all write protection, into EEPROM too.
  void program(std::size_t servo, std::uint16_t address, std::span<const std::uint8_t> data) noexcept;
  /// Whether the cables of a servo are on; see VirtualChain.
  void connect(std::size_t servo, bool on) noexcept;
  /// Loses everything that is not kept in EEPROM, as a power cycle does. servo -1: all.
  void power_cycle(int servo) noexcept;
  /// Takes the cable off in front of a servo, and puts it on again; see VirtualChain.
  void unplug(std::size_t servo) noexcept;
  void replug() noexcept;
  /// The adapter is pulled: clients see a hang-up. The emulator is closed then.
  void close() noexcept;
  EmulatorStats stats() const noexcept;

 private:
  struct Impl;
  explicit ServoEmulator(std::unique_ptr<VirtualChain> chain);
  std::unique_ptr<Impl> impl_;
};

}  // namespace motorium
