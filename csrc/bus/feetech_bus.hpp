#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bus/feetech_link.hpp"
#include "bus/joint_bus.hpp"
#include "bus/servo_chain.hpp"

namespace motorium {

/// How radians become ticks on one chain of servos; vectors are J long, in joint order.
struct FeetechBusConfig {
  std::vector<std::uint8_t> ids;
  std::vector<float> zero_ticks;  ///< Ticks at zero radians.
  std::vector<int> sign;          ///< +1 or -1.
  float ticks_per_rad = 4096.0F / 6.28318530717958647692F;
  std::int32_t min_ticks = 0;  ///< Goals stay inside, and a joint that stands outside gets no torque.
  std::int32_t max_ticks = 4095;
  std::uint32_t baud = 1'000'000;
  double reply_margin_s = 0.004;     ///< Scheduling and USB frame time, on top of wire time.
  std::uint16_t model_number = 777;  ///< 0 accepts any servo.
  bool high_byte_first = false;      ///< Registers of the SCS series.
  bool sync_read = true;             ///< Known to all servos of the chain.
  std::uint8_t lock = 55;            ///< Addresses that differ between the series.
  std::uint8_t torque_limit = 48;    ///< In RAM; 0: there is none.
  std::uint8_t present_room = 5;     ///< Readable bytes behind present position to status: up to the current.
  std::vector<ServoSetting> settings;
  /// Where models are mixed, one for each joint; empty: as above for all.
  std::vector<std::uint16_t> joint_model_numbers;
  std::vector<float> joint_ticks_per_rad;
  std::vector<std::int32_t> joint_min_ticks;
  std::vector<std::int32_t> joint_max_ticks;
};

/// A chain of Feetech STS servos as joints in SI units. Lost replies make joints stale, never an exception.
class FeetechBus final : public JointBus {
 public:
  /// Opens the port, finds every servo and applies the settings; torque is left as found.
  /// Throws BusError (port absent, busy, denied; servos missing or of another model), std::invalid_argument
  /// (config).
  FeetechBus(const std::string& port, FeetechBusConfig config);

  /// One sync read of position, speed, load, voltage, temperature and status of all joints.
  BusStatus read_state(JointState& state) noexcept override;
  /// One sync write of all goal positions.
  BusStatus write_goal(const GatedGoal& goal) noexcept override;
  /// On: RAM settings that a restart or a supervisor changed, goal := present on every servo, then torque.
  /// Nothing is enabled unless all joints answered and stand where goals may be. Off: told to all at once,
  /// then verified and repeated; io_error names the case that one never confirmed.
  BusStatus set_torque(bool on) noexcept override;
  BusCounters counters() const noexcept override { return link_.counters(); }
  LatencyReport latency() const noexcept override { return link_.latency(); }
  std::string torque_problem() const override { return chain_.restore_problem(config_.settings); }
  /// The torque limit sinks to nothing within two seconds, so that a raised arm settles; then torque is off.
  Farewell farewell() const override;

 private:
  float signed_field(const std::uint8_t* bytes, unsigned sign_bit) const noexcept;
  std::uint16_t to_ticks(std::size_t joint, float rad) const noexcept;

  FeetechBusConfig config_;
  FeetechLink link_;
  ServoChain chain_;
};

/// The same as the constructor, behind the interface. See FeetechBus for what it throws.
std::unique_ptr<JointBus> open_feetech(const std::string& port, const FeetechBusConfig& config);

}  // namespace motorium
