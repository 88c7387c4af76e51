#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus_config.hpp"
#include "bus/feetech_link.hpp"
#include "bus/joint_bus.hpp"
#include "bus/servo_chain.hpp"
#include "bus/setting_rules.hpp"

namespace motorium {

/// What differs between the series of this family: traits of `BusConfig`, by these names.
struct FeetechTraits {
  bool high_byte_first = false;  ///< Byte order of registers in the SCS series.
  bool sync_read = true;         ///< Whether all servos of the chain know sync read.
  // Addresses that differ between the series.
  std::uint8_t lock = 55;
  std::uint8_t torque_limit = 48;  ///< In RAM; 0: there is none.
  std::uint8_t present_room = 5;   ///< Readable bytes after present position to status, up to the current.
};

/// A chain of Feetech STS servos as joints in SI units. Lost replies make joints stale, never an exception.
class FeetechBus final : public JointBus {
 public:
  /// Opens the port, finds every servo and applies the settings; torque is left as found.
  /// Throws BusError (port absent, busy, denied; servos missing or of another model), std::invalid_argument
  /// (config).
  FeetechBus(const std::string& port, const BusConfig& config);

  /// One sync read of position, speed, load, voltage, temperature and status of all joints.
  BusStatus read_state(JointState& state) noexcept override;
  /// One sync write of all goal positions.
  BusStatus write_goal(const GatedGoal& goal) noexcept override;
  /// On: restores RAM settings that a restart or a supervisor changed, sets each goal to the present
  /// position, then switches torque on. Nothing is enabled unless all joints answered and stand within their
  /// goal range. Off: sent to all at once, then verified and repeated; io_error means that a servo never
  /// confirmed.
  BusStatus set_torque(bool on) noexcept override;
  BusCounters counters() const noexcept override { return link_.counters(); }
  LatencyReport latency() const noexcept override { return link_.latency(); }
  std::string torque_problem() const override { return chain_.restore_problem(config_.settings); }
  /// Lowers the torque limit to zero within two seconds, so that a raised arm settles; then torque off.
  ShutdownSequence shutdown_sequence() const override;

 private:
  float signed_field(const std::uint8_t* bytes, unsigned sign_bit) const noexcept;
  std::uint16_t to_ticks(const ServoJoint& joint, float rad) const noexcept;

  BusConfig config_;
  FeetechTraits traits_;
  FeetechLink link_;
  ServoChain chain_;
};

/// What raw access may write to such servos: the EEPROM but its operating mode, and its lock, at 55 in the STS
/// series; at 48 in the SCS series, where the others have the low byte of the torque limit, which 0 and 1 do
/// not raise.
RawWrites feetech_raw_writes();

/// Throws std::invalid_argument unless a FeetechBus can be made from `config`.
void check_feetech(const BusConfig& config);

/// Makes a FeetechBus. Throws as its constructor.
std::unique_ptr<JointBus> open_feetech(const std::string& port, const BusConfig& config);

}  // namespace motorium
