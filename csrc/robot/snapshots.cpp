#include "robot/snapshots.hpp"

#include <algorithm>

#include "robot/texts.hpp"
#include "runtime/period_histogram.hpp"

namespace motorium {
namespace {

std::vector<float> joints_of(const PerJoint<float>& values, std::uint32_t joints) {
  return {values.begin(), values.begin() + joints};
}

Quantiles quantiles(const LogHistogram& values) {
  return {values.quantile(0.5f), values.quantile(0.99f), values.max()};
}

Durations durations(const PeriodHistogram& values) {
  return {values.quantile_us(0.5), values.quantile_us(0.99), values.max_us()};
}

SeamStats seam_stats(const SeamStatistics& seams) {
  return {seams.jump_rad.count(), quantiles(seams.jump_rad), quantiles(seams.velocity_rad_s),
          quantiles(seams.jerk_rad_s3)};
}

ArmState arm_state(const TickRecord& r, std::uint32_t joints) {
  return {r.t_ns,
          r.state_t_ns,
          r.mode,
          static_cast<mtr_verdict>(r.verdict),
          r.gate_causes,
          r.events,
          joints_of(r.position_rad, joints),
          joints_of(r.velocity_rad_s, joints),
          joints_of(r.effort, joints),
          joints_of(r.setpoint_rad, joints),
          joints_of(r.goal_rad, joints)};
}

}  // namespace

std::optional<JointSample> state_at(const ControlLoop& loop, std::int64_t t_ns) {
  TickRecord r;
  if (!loop.state_at(t_ns, r)) return std::nullopt;
  return JointSample{r.state_t_ns, loop.joints(), r.position_rad, r.velocity_rad_s, r.effort};
}

CoreStats stats_of(const CoreSnapshot& core, const ChunkCounters& chunks) {
  CoreStats out;
  out.mode = core.mode;
  out.reason = core.reason;
  out.torque = core.torque;
  out.ticks = core.ticks;
  out.streaming = core.streaming;
  out.streams = core.streams;
  out.streams_lost = core.streams_lost;
  out.underflows = core.underflows;
  out.fallbacks = core.fallbacks;
  out.estop = core.estop;
  out.estops = core.estops;
  out.chunks = chunks;
  out.handover_jump_max_rad = core.handover_jump_max_rad;
  out.joins = core.joins;
  out.gate = core.gate;
  out.gate_causes = core.gate_causes;
  out.back_offs = core.guard.back_offs;
  out.protection.assign(core.guard_bits.begin(), core.guard_bits.begin() + core.joints);
  out.jumped_joints = core.jumped;
  out.moves_done = core.moves_done;
  out.arrival = {core.arrival.missed, core.arrival.contact, joints_of(core.arrival.target_rad, core.joints),
                 joints_of(core.arrival.position_rad, core.joints)};
  out.seams = seam_stats(chunks.seams);
  return out;
}

LoopStats stats_of(const ControlLoop& loop, const LatencyReport& latency, std::uint64_t overwritten) {
  const LoopSnapshot counted = loop.loop_snapshot();
  const CoreSnapshot core = loop.core_snapshot();
  const RealtimeReport realtime = loop.realtime();
  LoopStats out;
  static_cast<CoreStats&>(out) = stats_of(core, loop.chunk_counters());
  out.alive = counted.alive;
  out.watchdog = loop.watched_by();
  out.rate_hz = loop.config().rate_hz;
  out.ticks = counted.ticks;
  out.missed = counted.missed;
  out.bad_reads = counted.bad_reads;
  out.torque_failures = counted.torque_failures;
  out.period_us = durations(loop.periods());
  out.state_age_us = durations(loop.ages());
  out.jump_rad = joints_of(core.jump_rad, loop.joints());
  out.bus = counted.bus;
  out.latency = latency;
  out.safety = {out.gate.clamped, out.gate.refused, out.gate.trips};
  out.torque_stuck = !counted.alive && counted.torque_on && loop.config().exit != RestPolicy::hold;
  out.realtime = {realtime.fifo, realtime.memory_locked, loop.config().cpu, realtime.pinned, realtime.note};
  out.telemetry_overwritten = overwritten;
  return out;
}

std::vector<ArmState> last_states(const ControlLoop& loop, std::size_t most) {
  const HistoryRing<TickRecord>& history = loop.history();
  const std::uint64_t begin = history.begin(), end = history.end();
  std::uint64_t last = end;  // one past the newest to return
  TickRecord record;
  if (loop.core_snapshot().mode == Mode::fault) {
    std::uint64_t first = end;  // of the fault
    while (first > begin && history.get(first - 1, record) && record.mode == Mode::fault) --first;
    if (first > begin && first < end) last = first + 1;
  }
  std::vector<ArmState> states;
  for (std::uint64_t i = std::max(begin, last - std::min<std::uint64_t>(last, most)); i < last; ++i) {
    if (history.get(i, record)) states.push_back(arm_state(record, loop.joints()));
  }
  return states;
}

}  // namespace motorium
