#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "robot/robot_config.hpp"

namespace motorium {

/// Why an arm gets no torque, was stopped, or did not do what was asked. Decides which numbers of a Problem
/// have a meaning.
enum class Cause : std::uint8_t {
  supply,        ///< `measured` V are outside low..high.
  heat,          ///< `measured` degrees C are above `high`.
  position,      ///< `measured` rad are outside low..high.
  servo_fault,   ///< The servo reports the fault bits `bits`.
  unheard,       ///< The servo has never answered.
  stale,         ///< Its last reply is `measured` s old, more than `high`.
  jumped,        ///< Its reading is `measured` rad from the one before.
  missed,        ///< The joint is at `measured` rad, not at `goal_rad`.
  setting,       ///< `note` describes a servo setting that prevents torque.
  unconfirmed,   ///< After `measured` attempts a servo has not confirmed torque.
  refused,       ///< The arm is in fault, or a stop is latched; see its reason.
  unplugged,     ///< The port is gone: the cable or the adapter was pulled.
  silent,        ///< The servos do not answer any more.
  torque_lost,   ///< A servo stopped by itself; `bits` of its status byte say so.
  estop,         ///< An emergency stop is latched.
  unsupervised,  ///< Nothing would take the torque if this program died: the supervisor is gone.
  frozen,        ///< The control thread stood still, and the supervisor took the torque.
  gate_tripped,  ///< The safety gate refused too many goals in a row; `bits` are the causes of the last.
  protection     ///< The guard protects the servo: its `bits`, `measured` degrees C, `supply_v`.
};
inline constexpr std::size_t kCauses = static_cast<std::size_t>(Cause::protection) + 1;

/// One cause, for a joint or for the whole arm.
struct Problem {
  static constexpr std::uint32_t kWholeArm = ~std::uint32_t{0};

  Cause cause = Cause::refused;
  std::uint32_t joint = kWholeArm;
  double measured = 0.0, low = 0.0, high = 0.0;
  std::uint32_t bits = 0;
  std::string note{};
  double goal_rad = 0.0, supply_v = 0.0;
};

using Problems = std::vector<Problem>;

/// Says what is wrong in a few words without numbers, such as "is too hot".
std::string_view summary(Cause cause) noexcept;
/// Returns a clause with joint and numbers, such as "elbow is too hot: 71 C, at most 65".
std::string describe(const Problem& problem, const RobotConfig& config);
/// Joins all of them with semicolons.
std::string describe(const Problems& problems, const RobotConfig& config);

}  // namespace motorium
