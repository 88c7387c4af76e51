#pragma once

#include <cstdint>

#include "runtime/arrival.hpp"
#include "runtime/control_config.hpp"
#include "runtime/leader.hpp"
#include "runtime/plan.hpp"
#include "runtime/setpoint.hpp"
#include "runtime/slew.hpp"

namespace motorium {

/// Samples the plan, with its slope and curvature just before each time.
struct PlanSource {
  const Plan& plan;

  void sample(std::int64_t t_ns, Motion& motion) const noexcept {
    plan.sample(t_ns, motion.position_rad);
    plan.slope_before(t_ns, motion.velocity_rad_s);
    plan.curvature_before(t_ns, motion.acceleration_rad_s2);
  }
};

/// Runs a requested slew: waits until the arm is at rest, moves straight to the target, then judges arrival.
class SlewSource {
 public:
  explicit SlewSource(const ControlConfig& config) noexcept : config_(config), arrival_(config) {}

  /// Replaces any earlier slew at the next `start`. `fraction`: of each joint's velocity limit.
  void ask(const PerJoint<float>& target_rad, float fraction) noexcept;
  void ask_again() noexcept { asked_ = true; }
  void drop() noexcept { asked_ = false; }
  bool asked() const noexcept { return asked_; }

  /// Marks the request as under way; arrival is judged by its target from now on.
  void take_up() noexcept;
  /// Starts from rest at `from_rad` at `start_ns`. False: no profile exists.
  bool start(std::int64_t start_ns, const PerJoint<float>& from_rad) noexcept;
  void sample(std::int64_t t_ns, Motion& motion) const noexcept { slew_.sample(t_ns, motion); }
  /// Whether the setpoint rests at the target.
  bool over(std::int64_t t_ns) const noexcept { return t_ns >= slew_.end_ns(); }
  Arrival& arrival() noexcept { return arrival_; }

 private:
  const ControlConfig& config_;
  Slew slew_{};
  Arrival arrival_;
  PerJoint<float> target_rad_{};
  float fraction_ = 0.0f;
  bool asked_ = false;
};

/// Follows a leader that sends a goal for every tick: first along a ramp, then directly. Takes precedence
/// over plans; ends with the first tick without a goal, or with its epoch.
class StreamSource {
 public:
  explicit StreamSource(const ControlConfig& config) noexcept;

  /// Sets the goal of the coming tick, clamped to the limits.
  void give(const PerJoint<float>& goal_rad) noexcept;
  void withdraw() noexcept { given_ = false; }
  bool given() const noexcept { return given_; }

  /// Starts at `now_ns` with a ramp from `from_rad`, the setpoint of the tick at `last_ns`.
  void start(std::int64_t last_ns, std::int64_t now_ns, const PerJoint<float>& from_rad) noexcept;
  void stop() noexcept { active_ = false; }
  bool active() const noexcept { return active_; }
  void sample(std::int64_t t_ns, Motion& motion) noexcept;

 private:
  const ControlConfig& config_;
  PerJoint<float> goal_rad_{}, approach_rad_s_{};
  RampIn ramp_{};
  std::int64_t last_ns_ = 0;
  bool given_ = false, active_ = false;
};

static_assert(SetpointSource<const PlanSource> && SetpointSource<const SlewSource> &&
              SetpointSource<StreamSource> && SetpointSource<const RestSource>);

}  // namespace motorium
