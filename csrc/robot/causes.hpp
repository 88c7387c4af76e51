#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "robot/robot_config.hpp"

namespace motorium {

/// Why an arm gets no torque, or is not what it was asked to be. Which numbers of a Problem mean something
/// follows from it.
enum class Cause : std::uint8_t {
  supply,       ///< `measured` V are outside low..high.
  heat,         ///< `measured` degrees C are above `high`.
  position,     ///< `measured` rad are outside low..high.
  servo_fault,  ///< The servo reports `bits` of its status byte.
  unheard,      ///< It has not answered once.
  stale,        ///< Its last reply is `measured` s old, more than `high`.
  jumped,       ///< Its reading is `measured` rad from the one before.
  missed,       ///< It stands at `measured` rad; its goal is `high`, which is `low`.
  setting,      ///< `note` names a setting of a servo that keeps torque from it.
  unconfirmed,  ///< After `measured` attempts a servo has not confirmed its torque.
  refused       ///< The arm is in fault, or a stop is latched: its reason says which.
};

/// One cause: of one joint, or of the whole arm.
struct Problem {
  static constexpr std::uint32_t kWholeArm = ~std::uint32_t{0};

  Cause cause = Cause::refused;
  std::uint32_t joint = kWholeArm;
  double measured = 0.0, low = 0.0, high = 0.0;
  std::uint32_t bits = 0;
  std::string note{};
};

using Problems = std::vector<Problem>;

/// What is wrong, in a few words without numbers: "is too hot".
std::string_view summary(Cause cause) noexcept;
/// One clause with the joint's name and the numbers: "elbow is too hot: 71 C, at most 65".
std::string describe(const Problem& problem, const RobotConfig& config);
/// All of them, with semicolons between.
std::string describe(const Problems& problems, const RobotConfig& config);

}  // namespace motorium
