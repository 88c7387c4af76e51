#pragma once

#include <limits>
#include <stdexcept>

#include "random.hpp"
#include "runtime/control_core.hpp"

inline mtr_guard_joint random_guard(Random& random) {
  mtr_guard_joint guard{};
  guard.stall_effort = random.real(0.3, 0.7);
  guard.stall_error_rad = random.real(0.02, 0.1);
  guard.stall_velocity_rad_s = random.real(0.05, 0.3);
  guard.stall_time_s = random.real(0.02, 0.5);
  guard.overload_effort = random.real(0.7, 0.95);
  guard.hold_effort = random.real(0.1, 0.3);
  guard.warn_c = 50.0f;
  guard.derate_c = 60.0f;
  guard.stop_c = 75.0f;
  guard.warn_v = 11.0f;
  guard.min_v = 9.0f;
  guard.max_v = 14.0f;
  return guard;
}

/// `scale`: 1 for an ordinary arm.
inline mtr_joint_limits random_limits(Random& random, double scale) {
  const float velocity = random.real(0.3, 8.0) * static_cast<float>(scale);
  return {random.real(-3.0, -0.3), random.real(0.3, 3.0), velocity, velocity * random.real(2.0, 60.0),
          random.real(0.3, 1.0)};
}

/// Range and speed such that from outside the range a slew is beyond computing.
inline void make_edge(motorium::ControlConfig& config) {
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) {
    config.limits.joint[j] = {-1000.0f, 1000.0f, 2.05e-6f, 1.0f, 1.0f};
    config.rest_rad[j] = 0.0f;
    config.max_jerk_rad_s3[j] = 0.0f;
  }
  config.approach_velocity_share = 1.0f;
}

inline motorium::ControlConfig drawn_config(Random& random, bool edge) {
  using namespace motorium;
  constexpr double kRates[] = {50.0, 100.0, 200.0, 500.0};
  ControlConfig config;
  const std::uint32_t n = random.chance(0.03) ? kMaxJoints : 1 + random.below(7);
  config.limits.n_joints = n;
  config.rate_hz = kRates[random.below(4)];
  config.limits.dt_s = static_cast<float>(1.0 / config.rate_hz);
  config.limits.max_state_age_ns = random.ms(15, 200);
  config.limits.max_command_age_ns = 500'000'000;
  config.limits.trip_after = 2 + random.below(30);
  const double scale = random.chance(0.05) ? 0.02 : random.chance(0.05) ? 20.0 : 1.0;
  const bool jerk = random.chance(0.6), guarded = random.chance(0.6), judged = random.chance(0.8);
  for (std::uint32_t j = 0; j < n; ++j) {
    const mtr_joint_limits limits = config.limits.joint[j] = random_limits(random, scale);
    config.rest_rad[j] = random.real(limits.lower_rad, limits.upper_rad);
    if (jerk) config.max_jerk_rad_s3[j] = limits.max_acceleration_rad_s2 * random.real(2.0, 100.0);
    config.arrival_tolerance_rad[j] =
        judged ? random.real(0.01, 0.2) : std::numeric_limits<float>::infinity();
    config.start_gap_rad[j] =
        random.chance(0.9) ? random.real(0.1, 0.5) : std::numeric_limits<float>::infinity();
    if (random.chance(0.2)) config.grippers |= 1u << j;
    if (guarded) config.guard.joint[j] = random_guard(random);
  }
  if (guarded) config.guard.n_joints = n;
  config.approach_velocity_share = random.real(0.05, 1.0);
  config.fallback = static_cast<RestPolicy>(random.below(3));
  config.fallback_after_ns = random.ms(0, 300);
  config.exit = static_cast<RestPolicy>(random.below(3));
  config.park_timeout_ns = random.ms(100, 4000);
  config.blend_ns = random.chance(0.1) ? 0 : random.ms(0, 300);
  config.estop_hold_ns = random.chance(0.2) ? 0 : random.ms(0, 300);
  config.settle_ns = random.ms(0, 400);
  config.position_jump_rad = random.real(0.1, 0.5);
  if (edge) make_edge(config);
  return config;
}

/// Most draws are a possible arm; those that contradict themselves are drawn again.
inline motorium::ControlConfig random_config(Random& random) {
  const bool edge = random.chance(0.02);
  for (;;) {
    const motorium::ControlConfig config = drawn_config(random, edge);
    try {
      const motorium::ControlCore probe(config);
      return config;
    } catch (const std::invalid_argument&) {
    }
  }
}
