#pragma once

#include <cstdint>
#include <optional>

#include "bus/joint_bus.hpp"
#include "core/guard.h"
#include "core/limits.h"
#include "runtime/arrival.hpp"
#include "runtime/mode_table.hpp"
#include "runtime/seam_statistics.hpp"

namespace motorium {

enum class TorqueRequest : std::uint8_t { none, on, off };

/// Events of a tick, as bits.
enum TickEvent : std::uint32_t {
  kEventStitch = 1u << 0,
  kEventLateChunk = 1u << 1,
  kEventUnderflow = 1u << 2,
  kEventModeChange = 1u << 3,
  kEventFallback = 1u << 4,
  kEventBadRead = 1u << 5,
  kEventMissedTick = 1u << 6,
  kEventEstop = 1u << 7,
  kEventApproach = 1u << 8
};

/// Counters since the core was made.
struct CoreCounters {
  std::uint64_t ticks = 0, underflows = 0, fallbacks = 0, estops = 0;
  std::uint64_t moves_done = 0;  ///< Slews that ended and were judged.
  std::uint64_t joins = 0;       ///< Changes of source that were smoothed.
  std::uint64_t streams = 0, streams_lost = 0;
  float handover_jump_max_rad = 0.0f;  ///< Largest step that a plan published too late would have caused.
};

/// The core after a tick or a request, as other threads see it.
struct CoreSnapshot : CoreCounters {
  Mode mode = Mode::idle;
  Reason reason = Reason::none;
  bool torque = false;
  bool estop = false;         ///< Latched.
  bool unsupervised = false;  ///< Latched until the bus is replaced.
  bool streaming = false;     ///< Following a stream instead of chunks.
  MoveEnd move_end = MoveEnd::none;
  std::uint64_t move_ticket = 0;  ///< Of the last `move_to` that started.
  std::uint64_t epoch = 1;
  std::int64_t t_ns = 0;       ///< Of the last tick.
  JointMask jumped = 0;        ///< Joints that cannot be where they read; latched.
  PerJoint<float> jump_rad{};  ///< By how much.
  ArrivalReport arrival{};     ///< Of the last slew that was judged, including a park.
  mtr_limits_counters gate{};
  std::uint32_t gate_causes = 0;
  mtr_guard_counters guard{};
  std::uint32_t joints = 0;
  PerJoint<std::uint8_t> guard_bits{};  ///< MTR_GUARD_*
  PerJoint<float> setpoint_rad{};
  PerJoint<float> goal_rad{};
};

struct TickResult {
  std::optional<GatedGoal> goal;  ///< To be written; empty while torque is off.
  TorqueRequest torque = TorqueRequest::none;
  mtr_verdict verdict = MTR_PASS;
  std::uint32_t events = 0;
  Seam seam{};  ///< Of the chunk spliced in this tick (kEventStitch); else zero.
};

}  // namespace motorium
