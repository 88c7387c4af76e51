#include "robot/robot_config.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "bus/servo_guard.hpp"
#include "robot/bus_family.hpp"

namespace motorium {
namespace {

constexpr std::uint32_t kMaxCameraPixels = 1u << 16;  // of a side

void require(bool holds, const std::string& sentence) {
  if (!holds) throw std::invalid_argument(sentence);
}

/// Whether `one` alone of `all` has its name.
template <class Named>
bool has_own(const std::vector<Named>& all, std::string Named::* name, const Named& one) {
  return std::count_if(all.begin(), all.end(),
                       [&](const Named& other) { return other.*name == one.*name; }) == 1;
}

bool positive(double value) { return value > 0.0 && std::isfinite(value); }

void check_joints(const RobotConfig& config) {
  require(!config.joints.empty() && config.joints.size() <= kMaxJoints, "a robot has 1 to 32 joints");
  require(config.control.limits.n_joints == config.joints.size(),
          "control limits are those of another number of joints");
  const std::uint32_t guarded = config.control.guard.n_joints;
  require(config.control.limits.dt_s == static_cast<float>(1.0 / config.control.rate_hz),
          "dt_s of the limits is not that of rate_hz");
  require(guarded == 0 || guarded == config.joints.size(), "the guard is that of another number of joints");
  for (const RobotJoint& joint : config.joints) {
    require(!joint.name.empty() && has_own(config.joints, &RobotJoint::name, joint),
            "every joint needs a name of its own: '" + joint.name + "'");
    require(joint.min_position_rad < joint.max_position_rad && joint.min_supply_v < joint.max_supply_v &&
                positive(joint.hot_c) && std::isfinite(joint.home_rad),
            joint.name + ": bounds before torque contradict each other");
  }
}

void check_buses(const RobotConfig& config) {
  std::size_t servos = 0;
  for (const BusConfig& bus : config.buses) {
    bus_family(bus.family).check(bus);
    servos += bus.joints.size();
    require(has_own(config.buses, &BusConfig::side, bus),
            "every bus of several needs a side of its own: '" + bus.side + "'");
  }
  require(servos == config.joints.size(), "the buses have " + std::to_string(servos) + " servos for " +
                                              std::to_string(config.joints.size()) + " joints");
}

void check_timing(const PolicyTiming& policy, double control_rate_hz) {
  require(policy.rate_hz >= 1.0 && policy.rate_hz <= control_rate_hz,
          "policy.rate_hz must be in 1..control.rate_hz");
  require(policy.latency_budget_s >= 0.0 && std::isfinite(policy.latency_budget_s),
          "policy.latency_budget_s must not be negative");
  require(policy.latency_s.size() == policy.latency_weight.size(), "one weight for each latency");
  const auto declared = [](double value) { return value >= 0.0 && std::isfinite(value); };
  const auto no_higher = [](double before, double after) { return before >= after; };
  require(std::all_of(policy.latency_s.begin(), policy.latency_s.end(), declared) &&
              std::adjacent_find(policy.latency_s.begin(), policy.latency_s.end(), no_higher) ==
                  policy.latency_s.end(),
          "latencies must ascend from 0 on");
  const double weights = std::accumulate(policy.latency_weight.begin(), policy.latency_weight.end(), 0.0);
  require(std::all_of(policy.latency_weight.begin(), policy.latency_weight.end(), declared) &&
              (policy.latency_weight.empty() || positive(weights)),
          "weights of latencies must not be negative, and not all zero");
}

void check_cameras(const std::vector<RobotCamera>& cameras) {
  for (const RobotCamera& camera : cameras) {
    require(!camera.role.empty() && has_own(cameras, &RobotCamera::role, camera),
            "every camera needs a role of its own: '" + camera.role + "'");
    require(std::min(camera.width, camera.height) > 0 &&
                std::max(camera.width, camera.height) <= kMaxCameraPixels && positive(camera.fps) &&
                camera.max_age_s >= 0.0 && std::isfinite(camera.max_age_s),
            "camera " + camera.role + ": size, rate or age is none");
  }
}

}  // namespace

const ServoJoint& servo_of(const RobotConfig& config, std::size_t j) noexcept {
  auto bus = config.buses.begin();
  for (; j >= bus->joints.size(); ++bus) j -= bus->joints.size();
  return bus->joints[j];
}

void set_joint_count(RobotConfig& config, bool guarded) noexcept {
  ControlConfig& control = config.control;
  control.limits.n_joints = static_cast<std::uint32_t>(config.joints.size());
  control.limits.dt_s = static_cast<float>(1.0 / control.rate_hz);
  control.guard.n_joints = guarded ? control.limits.n_joints : 0;
  control.guard.dt_s = control.limits.dt_s;
}

SlotMap slot_map(const RobotConfig& config) {
  std::vector<std::uint32_t> slots;
  std::vector<float> scale, offset;
  for (const RobotJoint& joint : config.joints) {
    slots.push_back(joint.slot);
    scale.push_back(joint.slot_scale);
    offset.push_back(joint.slot_offset);
  }
  return {std::move(slots), std::move(scale), std::move(offset)};
}

void check(const RobotConfig& config) {
  require(!config.name.empty(), "a robot needs a name");
  check_joints(config);
  check(config.control);
  mtr_guard_config guard = config.control.guard;
  guard.dt_s = config.control.limits.dt_s;
  static_cast<void>(ServoGuard(guard));
  static_cast<void>(slot_map(config));
  check_buses(config);
  check_timing(config.policy, config.control.rate_hz);
  check_cameras(config.cameras);
}

}  // namespace motorium
