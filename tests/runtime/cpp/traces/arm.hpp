#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "random.hpp"
#include "runtime/control_core.hpp"

/// What the caller is up to, and what befalls the arm meanwhile.
enum class Mood { follow, slew, stream, chaos, quiet, silent, hot, blocked };
inline constexpr std::uint32_t kMoods = 8;

/// A simulated arm: follows its goals with a lag, and its readings are late, lost, noisy or wrong at times.
class Arm {
 public:
  Arm(const motorium::ControlConfig& config, Random& random) : config_(config), random_(random) {
    state_.n = config.limits.n_joints;
    const bool outside = random.chance(0.05);
    for (std::uint32_t j = 0; j < state_.n; ++j) {
      const mtr_joint_limits& limits = config.limits.joint[j];
      position_rad_[j] = random.real(limits.lower_rad, limits.upper_rad);
      if (outside) position_rad_[j] = limits.upper_rad * 1.2f;
    }
    goal_rad_ = position_rad_;
  }

  void read(std::int64_t now_ns, Mood mood) {
    const std::uint32_t n = config_.limits.n_joints;
    state_.n = mood == Mood::chaos && random_.chance(0.005) ? 0 : n;
    if (mood == Mood::hot && !hot_) {
      temperature_c_ = random_.real(40.0, 90.0);
      voltage_v_ = random_.real(8.0, 13.0);
    }
    hot_ = mood == Mood::hot;
    const bool lost = mood == Mood::silent || random_.chance(0.01);
    if (mood == Mood::chaos && random_.chance(0.004))
      position_rad_[random_.below(n)] += random_.real(-2.0, 2.0);
    for (std::uint32_t j = 0; j < n; ++j) {
      if (lost || random_.chance(0.003)) continue;
      const float noise = random_.real(-0.002, 0.002);
      const float before = state_.position_rad[j];
      state_.position_rad[j] = position_rad_[j] + noise;
      state_.velocity_rad_s[j] = (state_.position_rad[j] - before) * static_cast<float>(config_.rate_hz);
      const float push = 2.0f * (goal_rad_[j] - position_rad_[j]) + noise;
      state_.effort[j] = torque_ ? std::clamp(mood == Mood::blocked ? 4.0f * push : push, -1.0f, 1.0f) : 0.0f;
      state_.temperature_c[j] = hot_ ? temperature_c_ + 100.0f * noise : 30.0f;
      state_.voltage_v[j] = hot_ ? voltage_v_ + 100.0f * noise : 12.0f;
      state_.joint_t_ns[j] = now_ns - static_cast<std::int64_t>(random_.below(3'000'000));
      if (mood == Mood::chaos && random_.chance(0.001))
        state_.position_rad[j] = std::numeric_limits<float>::quiet_NaN();
      if (mood == Mood::chaos && random_.chance(0.001)) state_.joint_t_ns[j] += 300'000'000;
    }
    state_.t_ns = now_ns;
    blocked_ = mood == Mood::blocked;
  }

  void obey(const motorium::TickResult& result, std::int64_t period_ns) {
    if (result.torque != motorium::TorqueRequest::none)
      torque_ = result.torque == motorium::TorqueRequest::on;
    if (!result.goal || !torque_) return;
    goal_rad_ = result.goal->position_rad();
    for (std::uint32_t j = 0; j < config_.limits.n_joints; ++j) {
      if (blocked_ && j % 2 == 0) continue;
      const float most =
          1.2f * config_.limits.joint[j].max_velocity_rad_s * static_cast<float>(period_ns) * 1e-9f;
      position_rad_[j] += std::clamp(0.6f * (goal_rad_[j] - position_rad_[j]), -most, most);
    }
  }

  const motorium::JointState& state() const { return state_; }

 private:
  const motorium::ControlConfig& config_;
  Random& random_;
  motorium::JointState state_{};
  motorium::PerJoint<float> position_rad_{}, goal_rad_{};
  bool torque_ = false, blocked_ = false, hot_ = false;
  float temperature_c_ = 0.0f, voltage_v_ = 0.0f;
};
