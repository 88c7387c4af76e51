#pragma once

#include <concepts>
#include <cstdint>

#include "bus/safety_gate.hpp"
#include "core/limits.h"
#include "runtime/transition.hpp"

namespace motorium {

/// What a setpoint can follow. `sample` turns the motion of the last tick into that of `t_ns`; it allocates
/// nothing and needs no history but what `motion` holds.
template <class Source>
concept SetpointSource = requires(Source& source, std::int64_t t_ns, Motion& motion) {
  { source.sample(t_ns, motion) } noexcept;
};

/// Follows nothing: the setpoint stays where the last source has left it.
struct RestSource {
  void sample(std::int64_t, Motion&) const noexcept {}
};

/// Where the arm is to be: what its source says, and what is left of the transition to that source.
class Setpoint {
 public:
  explicit Setpoint(const PerJoint<mtr_profile_limits>& limits) noexcept : transition_(limits) {}

  /// The source's motion of the tick, before the transition; for sources that must look at it first.
  template <SetpointSource Source>
  void sample(Source& source, std::int64_t t_ns) noexcept {
    source.sample(t_ns, source_);
  }
  /// Follows the source as it was sampled last.
  void advance(std::int64_t t_ns) noexcept;

  /// From the last tick `last_ns` on, another source holds, which is `source` there; the difference is
  /// brought to nothing within the transition's bounds. False when it is beyond computing.
  bool blend_from(std::uint32_t joints, std::int64_t last_ns, const Motion& source) noexcept;
  /// Stops every joint as fast as the bounds allow. `false` as in `blend_from`.
  bool come_to_rest(std::int64_t last_ns, const SafetyGate& gate) noexcept;
  /// Comes to rest in the next tick that has nothing else to follow, or blends from there.
  void ask_rest() noexcept { rest_asked_ = true; }
  bool rest_asked() const noexcept { return rest_asked_; }

  /// Stands still at `position_rad` at once, without a transition.
  void stand_at(const PerJoint<float>& position_rad) noexcept;
  /// Stands still at once, where the gate's goal is.
  void freeze(const SafetyGate& gate) noexcept;

  /// By how much the gate's limits keep the goal from the setpoint.
  void set_lag(const PerJoint<float>& wanted_rad, const PerJoint<float>& goal_rad,
               std::uint32_t joints) noexcept;

  const PerJoint<float>& position_rad() const noexcept { return setpoint_.position_rad; }
  const Motion& source() const noexcept { return source_; }
  std::int64_t transition_end_ns() const noexcept { return transition_.end_ns(); }

 private:
  void take_up_lag(const SafetyGate& gate) noexcept;

  Motion source_{}, setpoint_{};
  Transition transition_;
  PerJoint<float> lag_rad_{};
  bool rest_asked_ = false;
};

}  // namespace motorium
