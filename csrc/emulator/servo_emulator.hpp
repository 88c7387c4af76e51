#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "emulator/reply_line.hpp"
#include "emulator/servo_model.hpp"
#include "emulator/virtual_servo.hpp"

namespace motorium {

class VirtualChain;

/// Servos that answer their protocol on a pseudo-terminal, each from a table of registers. A thread answers
/// and otherwise sleeps in poll().
class ServoEmulator {
 public:
  /// `family`: a name of the table in chain_family.cpp. Throws std::invalid_argument (family, ids, models) or
  /// std::system_error (no pseudo-terminal).
  ServoEmulator(const std::string& family, const ServoModels& servos);
  ~ServoEmulator();
  ServoEmulator(const ServoEmulator&) = delete;
  ServoEmulator& operator=(const ServoEmulator&) = delete;

  /// Returns the path of the terminal that clients open.
  const std::string& port() const noexcept;
  std::size_t size() const noexcept;
  /// Returns the index of a servo by its id, or -1.
  int find(std::uint8_t id) const noexcept;

  /// Updates the physics: one entry per servo, in the order of the ids given.
  void update(std::span<const ServoPresent> present) noexcept;
  void goals(std::span<ServoGoal> out) const noexcept;
  VirtualServo::Table registers(std::size_t servo) const noexcept;
  void poke(std::size_t servo, std::uint16_t address, std::span<const std::uint8_t> data) noexcept;

  /// Makes every `period`-th matching reply suffer `fault` from now on. servo -1: any. `delay_s` is for
  /// ServoFault::delay.
  void set_fault(ServoFault fault, int servo, std::uint32_t period, double delay_s) noexcept;
  /// Sets the troubles of one servo, or of all with -1.
  void set_condition(const ServoCondition& condition, int servo) noexcept;
  /// Makes replies take the time that their bytes need at `baud`; 0: none.
  void set_wire(std::uint32_t baud) noexcept;
  /// Sets the speed that servos listen at: a client at another speed gets no answer. 0: any.
  void set_baud(std::uint32_t baud) noexcept;
  /// Makes each servo listen at the speed in its own register.
  void set_own_bauds() noexcept;
  /// Writes as the factory: past all write protection, into EEPROM too.
  void program(std::size_t servo, std::uint16_t address, std::span<const std::uint8_t> data) noexcept;
  /// Plugs or unplugs the cables of a servo; see VirtualChain.
  void connect(std::size_t servo, bool on) noexcept;
  /// Loses everything that is not in EEPROM, as a power cycle does. servo -1: all.
  void power_cycle(int servo) noexcept;
  /// Unplugs the cable before a servo, or plugs it in again; see VirtualChain.
  void unplug(std::size_t servo) noexcept;
  void replug() noexcept;
  /// Pulls the adapter: clients see a hang-up. The emulator is closed then.
  void close() noexcept;
  EmulatorStats stats() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace motorium
