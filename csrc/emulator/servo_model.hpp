#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "motorium/capacities.hpp"

namespace motorium {

/// One field of a control table.
struct EmulatedRegister {
  std::uint16_t address = 0;
  std::uint8_t size = 1;  ///< 1, 2 or 4 bytes
  bool writable = false;
  bool eeprom = false;
  std::int32_t initial = 0;  ///< Factory value.
};

/// A model of servo as far as a virtual one behaves by it. A family looks at what its servos differ in.
struct ServoModel {
  std::uint16_t model_number = 1200;
  std::uint8_t firmware = 50;
  std::uint8_t fast_firmware = 46;        ///< First firmware that knows the fast reads; 0: none does.
  std::int32_t effort_full_scale = 1000;  ///< Present current or load at stall torque, in register units.
  std::int32_t ticks_per_turn = kUsualTicksPerTurn;
  std::int32_t counts = kUsualTicksPerTurn;  ///< Of the encoder, which may end before the turn does.
  bool high_byte_first = false;              ///< Of its registers.
  std::vector<EmulatedRegister> registers;
};

/// A chain: ids and what has them.
using ServoModels = std::vector<std::pair<std::uint8_t, ServoModel>>;

/// Servos of one model.
ServoModels alike(const std::vector<std::uint8_t>& ids, const ServoModel& model);

/// Throws std::invalid_argument when ids are none, out of range or used twice.
void check_servo_ids(const ServoModels& servos);

/// Throws std::invalid_argument unless an encoder can have so many counts.
void check_counts(std::int32_t counts);

}  // namespace motorium
