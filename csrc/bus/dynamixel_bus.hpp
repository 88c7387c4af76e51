#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus_config.hpp"
#include "bus/dynamixel_link.hpp"
#include "bus/joint_bus.hpp"
#include "bus/servo_chain.hpp"
#include "bus/setting_rules.hpp"

namespace motorium {

/// Addresses that all servos of one bus must share: traits of `BusConfig`, by these names. Defaults are those
/// of the X series.
struct DynamixelRegisters {
  std::uint16_t firmware = 6;
  std::uint16_t return_delay = 9;
  std::uint16_t torque_enable = 64;
  std::uint16_t return_level = 68;  ///< 0: there is none.
  std::uint16_t hardware_error = 70;
  std::uint16_t bus_watchdog = 98;
  std::uint16_t goal_position = 116;
  std::uint16_t present = 126;          ///< current or load 2, velocity 4, position 4
  std::uint16_t present_voltage = 144;  ///< voltage 2, temperature 1
  /// Bytes after `present` that can be read with it, up to the temperature.
  std::uint16_t present_room = 11;
};

/// Status bits beside those of the hardware error register (0 to 5).
/// kStatusTorqueLost: off though we switched it on, so the servo restarted.
inline constexpr std::uint8_t kStatusTorqueLost = 1U << 6;
inline constexpr std::uint8_t kStatusAlert = 1U << 7;  ///< An error whose register has not been read yet.

/// A chain of Dynamixel X servos, models mixed, as joints in SI units. Lost replies make joints stale, never
/// an exception.
///
/// Every tick reads 10 bytes per servo: current, velocity, position; in one shared packet (Fast Sync Read)
/// when every servo's firmware knows it. Slowly changing values are read from one servo at a time, in turn:
/// indirect addressing is no option on a mixed chain, because its data block is elsewhere in each model and
/// firmware. Hardware errors need no polling: every reply carries an alert bit, and the register behind it is
/// read when that is set.
class DynamixelBus final : public JointBus {
 public:
  /// Opens the port, finds every servo and applies the settings; torque is left as found.
  /// Throws BusError (port absent, busy, denied; servos missing or of another model; a setting refused),
  /// std::invalid_argument (config).
  DynamixelBus(const std::string& port, const BusConfig& config);

  /// When we were silent for longer than the watchdog allows, the servos have stopped and take no goals:
  /// io_error and "torque lost" from then on, until torque is switched on again.
  BusStatus read_state(JointState& state) noexcept override;
  /// One sync write of the goal positions of all joints that are not passive.
  BusStatus write_goal(const GatedGoal& goal) noexcept override;
  /// On: restarts servos that latched an overload, which nothing else clears, restores RAM settings that a
  /// restart lost, sets each goal to the present position, then switches torque on. Passive joints get no
  /// torque. Nothing is enabled unless all joints answered. A servo with any other hardware error takes no
  /// torque: io_error. Off: sent to all at once, then verified and repeated; io_error means that a servo
  /// never confirmed.
  BusStatus set_torque(bool on) noexcept override;
  BusCounters counters() const noexcept override { return link_.counters(); }
  LatencyReport latency() const noexcept override { return link_.latency(); }
  std::string torque_problem() const override { return chain_.restore_problem(config_.settings); }
  WatchedBy watched_by() const override {
    return config_.watchdog_units > 0 ? WatchedBy::servos : WatchedBy::nobody;
  }

  /// Restarts one servo, which clears a latched hardware error; its torque is off afterwards.
  BusStatus reboot(std::size_t joint) noexcept;
  /// Whether the chain answers in one shared packet.
  bool fast() const noexcept { return fast_; }

 private:
  void wake_watchdogs();
  void find_fast_read();
  LinkStatus read_present() noexcept;
  void take_row(std::size_t joint, JointState& state) noexcept;
  double unwrapped(std::size_t joint, std::int32_t ticks) noexcept;
  std::int32_t to_ticks(std::size_t joint, float rad) const noexcept;
  bool fell_silent(std::int64_t now_ns) noexcept;
  void look_after_one(std::int64_t now_ns) noexcept;
  bool read_error_of_one() noexcept;
  void read_slow_values(std::size_t joint) noexcept;
  void check_torque(std::size_t joint) noexcept;
  BusStatus start_torque() noexcept;
  BusStatus clear_overloads() noexcept;

  static constexpr std::size_t kPresentSize = 10;

  BusConfig config_;
  DynamixelRegisters registers_;
  DynamixelLink link_;
  ServoChain chain_;
  std::vector<std::uint8_t> active_;        // ids of servos that may have torque
  std::vector<std::size_t> active_joints_;  // their places in the chain

  bool fast_ = false;
  std::uint32_t plain_reads_left_ = 0;  // after a gap, plain reads show which servo is silent
  bool torque_on_ = false;
  bool stopped_ = false;        // by the servos' watchdog
  std::int64_t spoken_ns_ = 0;  // when we last sent anything
  std::int64_t looked_ns_ = 0;
  std::size_t turn_ = 0, alert_turn_ = 0;

  ServoChain::Rows rows_{};
  std::array<std::uint8_t, kMaxJoints> errors_{};
  std::array<bool, kMaxJoints> answered_{};
  PerJoint<double> last_ticks_{};  // from the joint's zero, unwrapped
  PerJoint<double> turns_{};       // difference between the servo's count and ours, whole turns in ticks
  PerJoint<bool> heard_{};
  PerJoint<float> voltage_v_{}, temperature_c_{};
  PerJoint<std::uint8_t> hardware_error_{}, lost_{};
};

/// What raw access may write to such servos: id, baud rate, return delay, protocol, homing offset, which are
/// EEPROM in the tables of all series, the XL320's too.
RawWrites dynamixel_raw_writes();

/// Throws std::invalid_argument unless a DynamixelBus can be made from `config`.
void check_dynamixel(const BusConfig& config);

/// Makes a DynamixelBus. Throws as its constructor.
std::unique_ptr<JointBus> open_dynamixel(const std::string& port, const BusConfig& config);

}  // namespace motorium
