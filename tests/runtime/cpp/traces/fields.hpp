#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "runtime/control_core.hpp"

/// Calls `visit(name, value)` for everything that a caller of the core can see after a tick.
template <class Visit>
void fields(const motorium::TickResult& result, const motorium::CoreSnapshot& s,
            const motorium::ChunkCounters& chunks, Visit&& visit) {
  const auto number = [&](const char* name, auto value) { visit(name, static_cast<double>(value)); };
  const auto joints = [&](const char* name, const auto& values) {
    for (std::uint32_t j = 0; j < s.joints; ++j) number(name, values[j]);
  };
  number("mode", s.mode);
  number("reason", s.reason);
  number("torque", s.torque);
  number("goal_given", result.goal.has_value());
  if (result.goal) joints("result_goal", result.goal->position_rad());
  number("torque_request", result.torque);
  number("verdict", result.verdict);
  number("events", result.events);
  number("seam_jump", result.seam.jump_rad);
  number("seam_velocity", result.seam.velocity_rad_s);
  number("seam_jerk", result.seam.jerk_rad_s3);
  number("epoch", s.epoch);
  number("t", s.t_ns);
  number("estop", s.estop);
  number("unsupervised", s.unsupervised);
  number("jumped", s.jumped);
  joints("jump", s.jump_rad);
  for (const std::uint64_t n : {s.ticks, s.underflows, s.fallbacks, s.estops, s.moves_done, s.move_ticket})
    number("count", n);
  number("move_end", s.move_end);
  number("missed", s.arrival.missed);
  number("contact", s.arrival.contact);
  joints("arrival_target", s.arrival.target_rad);
  joints("arrival_position", s.arrival.position_rad);
  number("joins", s.joins);
  number("streaming", s.streaming);
  number("streams", s.streams);
  number("streams_lost", s.streams_lost);
  number("handover_jump", s.handover_jump_max_rad);
  for (const std::uint64_t n : {s.gate.clamped_position, s.gate.clamped_velocity, s.gate.clamped_acceleration,
                                s.gate.clamped_effort, s.gate.clamped, s.gate.refused, s.gate.trips})
    number("gate", n);
  number("gate_causes", s.gate_causes);
  number("back_offs", s.guard.back_offs);
  number("guard_stops", s.guard.stops);
  joints("guard_bits", s.guard_bits);
  joints("setpoint", s.setpoint_rad);
  joints("goal", s.goal_rad);
  for (const std::uint64_t n : {chunks.pushed, chunks.stitches, chunks.late_chunks, chunks.expired,
                                chunks.malformed, chunks.approaches, chunks.seams.jump_rad.count()})
    number("chunks", n);
  number("approach_joint", chunks.approach_joint);
  number("approach", chunks.approach_rad);
  number("seam_jump_max", chunks.seam_jump_max_rad);
  number("seam_velocity_max", chunks.seams.velocity_rad_s.max());
  number("seam_jerk_max", chunks.seams.jerk_rad_s3.max());
}

/// FNV-1a over whole words. Every number that is no number counts as the same one.
class Digest {
 public:
  void add(double value) noexcept {
    const std::uint64_t bits = std::isnan(value) ? 0x7ff8u : std::bit_cast<std::uint64_t>(value);
    hash_ = (hash_ ^ bits) * 0x100000001b3u;
    hash_ ^= hash_ >> 29;
  }
  std::uint64_t value() const noexcept { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};
