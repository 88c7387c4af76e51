#pragma once

#include <concepts>
#include <cstdint>

#include "bus/safety_gate.hpp"
#include "core/limits.h"
#include "runtime/transition.hpp"

namespace motorium {

/// A source that a setpoint can follow. `sample` advances `motion` from the last tick to `t_ns`, allocates
/// nothing and needs no other history.
template <class Source>
concept SetpointSource = requires(Source& source, std::int64_t t_ns, Motion& motion) {
  { source.sample(t_ns, motion) } noexcept;
};

/// Keeps the setpoint where the last source left it.
struct RestSource {
  void sample(std::int64_t, Motion&) const noexcept {}
};

/// Combines a source's motion with what is left of the transition to that source.
class Setpoint {
 public:
  explicit Setpoint(const PerJoint<mtr_profile_limits>& limits) noexcept : transition_(limits) {}

  /// Samples the source without the transition, for sources that must look at the result first.
  template <SetpointSource Source>
  void sample(Source& source, std::int64_t t_ns) noexcept {
    source.sample(t_ns, source_);
  }
  /// Moves the setpoint to what the source was last sampled at.
  void advance(std::int64_t t_ns) noexcept;

  /// Changes source at the last tick, `last_ns`, where the new one says `source`; the difference fades out
  /// within the transition's limits. False when the difference cannot be computed.
  bool blend_from(std::uint32_t joints, std::int64_t last_ns, const Motion& source) noexcept;
  /// Stops every joint as fast as the limits allow. False as in `blend_from`.
  bool come_to_rest(std::int64_t last_ns, const SafetyGate& gate) noexcept;
  /// Comes to rest in the next tick that follows nothing; a new source blends from there instead.
  void ask_rest() noexcept { rest_asked_ = true; }
  bool rest_asked() const noexcept { return rest_asked_; }

  /// Jumps to `position_rad` and stands still, without a transition.
  void stand_at(const PerJoint<float>& position_rad) noexcept;
  /// Stops at once, where the gate's goal is.
  void freeze(const SafetyGate& gate) noexcept;

  /// Records how far the gate's limits keep the goal behind the setpoint.
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
