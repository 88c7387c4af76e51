#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "bus/servo_setting.hpp"
#include "motorium/capacities.hpp"

namespace motorium {

inline constexpr float kTurn_rad = 6.28318530717958647692F;

/// One servo of a chain, and how its ticks become its joint's radians.
struct ServoJoint {
  std::uint8_t id = 0;
  std::uint16_t model_number = 0;  ///< 0 accepts any servo.
  float zero_ticks = 2048.0F;      ///< Ticks at zero radians.
  float middle_ticks = 0.0F;       ///< Middle of the joint's limits in ticks from zero; tells turns apart.
  std::int8_t sign = 1;            ///< +1 or -1.
  float ticks_per_rad = static_cast<float>(kUsualTicksPerTurn) / kTurn_rad;
  float rad_s_per_unit = 0.0239808F;  ///< Unit of present velocity; 0.229 rev/min. Dynamixel.
  float effort_full_scale = 1000.0F;  ///< Register value of present current or load at stall torque.
  std::int32_t min_ticks = 0;         ///< Goals stay inside; more than a turn in extended position mode.
  std::int32_t max_ticks = 4095;
  std::uint8_t fast_firmware = 0;  ///< First firmware that knows Fast Sync Read; 0: none.
  bool passive = false;            ///< Read but never given torque: a leader's joint.
};

/// One servo bus: its family, its line, and its servos in joint order.
struct BusConfig {
  std::string family;  ///< A name from the family table in `robot/bus_family.hpp`.
  std::string side;    ///< Side of a robot with several arms, such as "left"; otherwise empty.
  std::uint32_t baud = 1'000'000;
  double reply_margin_s = 0.004;  ///< For scheduling and USB frame time, on top of wire time.
  /// How often one servo's voltage, temperature or torque is read. Dynamixel.
  double health_period_s = 0.05;
  /// Silence, in units of 20 ms, after which servos stop; 0: never. Dynamixel.
  std::uint8_t watchdog_units = 0;
  std::vector<ServoJoint> joints;
  /// In writing order; `joint` is counted on this bus.
  std::vector<ServoSetting> settings;
  /// What the family's driver must know of the whole chain, such as a register's address that differs between
  /// series. A missing name has the family's default; an unknown one is refused.
  std::map<std::string, std::uint32_t> traits;
};

/// Reads the traits of one bus by name; `close` refuses those that nobody asked for.
class TraitReader {
 public:
  explicit TraitReader(const BusConfig& config) : traits_(config.traits) {}

  /// Sets `value` where the trait is present. Throws std::invalid_argument where it does not fit.
  template <std::unsigned_integral T>
  void take(const std::string& name, T& value) {
    const std::uint32_t most = std::is_same_v<T, bool> ? 1U : std::numeric_limits<T>::max();
    value = static_cast<T>(number(name, value, most));
  }
  /// Throws std::invalid_argument that names a trait nobody asked for.
  void close() const;

 private:
  std::uint32_t number(const std::string& name, std::uint32_t otherwise, std::uint32_t most);

  const std::map<std::string, std::uint32_t>& traits_;
  std::set<std::string> known_;
};

/// Checks what every family requires of a bus: a possible baud rate, servos with distinct ids, scales to
/// divide by. Throws std::invalid_argument.
void check_bus(const BusConfig& config);

}  // namespace motorium
