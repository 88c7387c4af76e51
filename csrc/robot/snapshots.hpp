#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/control_core.hpp"
#include "runtime/control_loop.hpp"
#include "runtime/core_snapshot.hpp"

/// Values that a robot reports about itself, with units: copies, taken at any time from any thread.
namespace motorium {

/// Median, 99 % quantile and maximum of many values.
struct Quantiles {
  float p50 = 0.0f, p99 = 0.0f, max = 0.0f;
};

/// The same for durations, in microseconds.
struct Durations {
  double p50 = 0.0, p99 = 0.0;
  std::uint64_t max = 0;
};

/// What new chunks changed at their seams, before blending.
struct SeamStats {
  std::uint64_t count = 0;   ///< Number of seams.
  Quantiles jump_rad;        ///< Between old plan and new chunk.
  Quantiles velocity_rad_s;  ///< Between the speeds before and after.
  Quantiles jerk_rad_s3;     ///< Of the rows across the seam.
};

/// Where the joints were when the last slew was judged; one entry per joint.
struct ArrivalStats {
  std::uint32_t missed = 0;   ///< Joints (bits) that missed their goals.
  std::uint32_t contact = 0;  ///< Grippers (bits) that hold an object short of their goal.
  std::vector<float> target_rad, position_rad;
};

/// State and counters of the control core.
struct CoreStats {
  Mode mode = Mode::idle;
  Reason reason = Reason::none;
  bool torque = false;
  std::uint64_t ticks = 0;
  bool streaming = false;
  std::uint64_t streams = 0, streams_lost = 0, underflows = 0, fallbacks = 0;
  bool estop = false;
  std::uint64_t estops = 0;
  ChunkCounters chunks;
  float handover_jump_max_rad = 0.0f;
  std::uint64_t joins = 0;
  mtr_limits_counters gate{};
  std::uint32_t gate_causes = 0;
  std::uint64_t back_offs = 0;
  std::vector<std::uint8_t> protection;  ///< MTR_GUARD_* bits of each joint.
  std::uint32_t jumped_joints = 0;
  std::uint64_t moves_done = 0;
  ArrivalStats arrival;
  SeamStats seams;
};

/// Counters of the gate.
struct GateStats {
  std::uint64_t clamped = 0, refused = 0, trips = 0;
};

/// What the operating system granted the control thread.
struct RealtimeStats {
  bool fifo = false, memory_locked = false;
  int cpu = -1;
  bool pinned = false;
  std::string note;
};

/// State and counters of the control thread and its core.
struct LoopStats : CoreStats {
  bool alive = false;
  WatchedBy watchdog;
  double rate_hz = 0.0;
  std::uint64_t missed = 0, bad_reads = 0;
  std::uint32_t torque_failures = 0;
  Durations period_us, state_age_us;
  std::vector<float> jump_rad;
  BusCounters bus;
  LatencyReport latency;
  GateStats safety;
  bool torque_stuck = false;
  RealtimeStats realtime;
  std::uint64_t telemetry_overwritten = 0;
};

/// Joints at one moment, interpolated between two readings.
struct JointSample {
  std::int64_t t_ns = 0;
  std::uint32_t n = 0;
  PerJoint<float> position_rad{}, velocity_rad_s{}, effort{};
};

/// One control tick: readings, setpoint and goal.
struct ArmState {
  std::int64_t t_ns = 0, state_t_ns = 0;
  Mode mode = Mode::idle;
  mtr_verdict verdict = MTR_PASS;
  std::uint32_t gate_causes = 0, events = 0;
  std::vector<float> position_rad, velocity_rad_s, effort, setpoint_rad, goal_rad;
};

/// Empty before the first reading; outside the history, the nearest state.
std::optional<JointSample> state_at(const ControlLoop& loop, std::int64_t t_ns);

CoreStats stats_of(const CoreSnapshot& core, const ChunkCounters& chunks);
/// `latency`: measured when the port was opened. `overwritten`: records that a telemetry reader missed.
LoopStats stats_of(const ControlLoop& loop, const LatencyReport& latency, std::uint64_t overwritten);

inline constexpr std::size_t kLastStates = 20;

/// Returns the ticks up to and including the arm's fault, oldest first; without a fault, the newest ticks. At
/// most `most`.
std::vector<ArmState> last_states(const ControlLoop& loop, std::size_t most = kLastStates);

}  // namespace motorium
