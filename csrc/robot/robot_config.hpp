#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bus/bus_config.hpp"
#include "robot/slot_map.hpp"
#include "runtime/control_config.hpp"

namespace motorium {

inline constexpr std::size_t kStatusBits = 8;

/// What a robot's joint has beyond the control thread's needs: name, slot, and bounds for torque.
struct RobotJoint {
  std::string name;
  std::uint32_t slot = 0;   ///< One of the 200.
  float slot_scale = 1.0f;  ///< Slot value = scale * radians + offset.
  float slot_offset = 0.0f;
  float home_rad = 0.0f;  ///< Where a spring joint is held, on an arm moved by hand.

  /// The joint gets no torque outside these bounds of position (its limits and a margin), supply and
  /// temperature.
  double min_position_rad = 0.0, max_position_rad = 0.0;
  double min_supply_v = 0.0, max_supply_v = 0.0, hot_c = 0.0;
  /// Meaning of each status bit; empty: unnamed.
  std::array<std::string, kStatusBits> fault_names;
  /// Status bits with which the joint gets no torque.
  std::uint8_t forbids_torque = 0;
  /// Status bits by which a servo says that its torque is off though it was switched on.
  std::uint8_t torque_lost = 0;
};

/// How often a policy runs, and how long its inference takes on this robot until that was measured.
struct PolicyTiming {
  double rate_hz = 20.0;
  double latency_budget_s = 0.25;
  std::vector<double> latency_s;       ///< Ascending; empty: no declared distribution.
  std::vector<double> latency_weight;  ///< Relative frequency of each.
};

struct RobotCamera {
  std::string role;
  std::uint32_t width = 0, height = 0;
  double fps = 0.0;
  double max_age_s = 0.0;  ///< Older frames are not observed.
};

/// Everything between a robot's declaration with its calibration and a running arm. Python builds it from
/// TOML; `robot_file.hpp` stores it in a file. Joints are numbered in bus order: those of the first bus, then
/// of the next.
struct RobotConfig {
  std::string name;
  std::array<std::uint8_t, 32>
      spec_hash{};        ///< SHA-256 of what gives ticks their meaning; as in calibrations.
  ControlConfig control;  ///< Limits, guard, rest pose, rates and policies of the control thread.
  PolicyTiming policy;
  std::vector<RobotJoint> joints;
  std::vector<BusConfig> buses;
  std::vector<RobotCamera> cameras;
};

/// Returns the servo of joint `j`, counted over all buses. `j` must be less than `config.joints.size()`.
const ServoJoint& servo_of(const RobotConfig& config, std::size_t j) noexcept;

/// Sizes limits and guard for `config.joints`, at its control rate; without `guarded` no joint has a guard.
void set_joint_count(RobotConfig& config, bool guarded) noexcept;

/// Makes the slot map. Throws std::invalid_argument as SlotMap does.
SlotMap slot_map(const RobotConfig& config);

/// Throws std::invalid_argument, in one sentence, when parts of `config` contradict each other. A bus family
/// checks its own requirements when a bus is opened, before a port is touched.
void check(const RobotConfig& config);

}  // namespace motorium
