#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bus/bus_config.hpp"
#include "runtime/control_config.hpp"
#include "runtime/slot_map.hpp"

namespace motorium {

inline constexpr std::size_t kStatusBits = 8;

/// One joint of a robot beyond what the control thread needs of it: its name, its slot, its bounds before
/// torque.
struct RobotJoint {
  std::string name;
  std::uint32_t slot = 0;   ///< Of the 200.
  float slot_scale = 1.0f;  ///< Slot value = scale * radians + offset.
  float slot_offset = 0.0f;
  float home_rad = 0.0f;  ///< Where a joint is held as a spring on an arm that is moved by hand.

  /// The joint gets no torque outside of these: where it stands (its limits and a margin), its supply, its
  /// heat.
  double min_position_rad = 0.0, max_position_rad = 0.0;
  double min_supply_v = 0.0, max_supply_v = 0.0, hot_c = 0.0;
  /// What a bit of its status byte means; empty: the servo names it not.
  std::array<std::string, kStatusBits> fault_names;
};

/// How often a policy speaks, and how long its inference takes on this robot until that was measured.
struct PolicyTiming {
  double rate_hz = 20.0;
  double latency_budget_s = 0.25;
  std::vector<double> latency_s;       ///< Ascending; empty: the robot declares no distribution.
  std::vector<double> latency_weight;  ///< How often each occurs, in proportion.
};

struct RobotCamera {
  std::string role;
  std::uint32_t width = 0, height = 0;
  double fps = 0.0;
  double max_age_s = 0.0;  ///< An older frame is no observation.
};

/// Everything between a robot's declaration with its calibration and a running arm. Python builds it from
/// TOML; `robot_file.hpp` keeps it in a file. Joints are numbered in bus order: those of the first bus, then
/// the next.
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

/// The servo of joint `j`, counted over all buses. `j` must be below `config.joints.size()`.
const ServoJoint& servo_of(const RobotConfig& config, std::size_t j) noexcept;

/// Makes limits and guard those of `config.joints`, at its control rate; without `guarded` no joint has a
/// guard.
void set_joint_count(RobotConfig& config, bool guarded) noexcept;

/// Throws std::invalid_argument as SlotMap does.
SlotMap slot_map(const RobotConfig& config);

/// Throws std::invalid_argument, in one sentence, where the parts of `config` contradict each other. What a
/// bus family requires of its servos is checked when a bus is opened, before a port is touched.
void check(const RobotConfig& config);

}  // namespace motorium
