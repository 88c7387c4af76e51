#include "bindings/structs.hpp"
#include "module.hpp"
#include "robot/snapshots.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

void bind_stats_parts(py::module_& m) {
  BoundStruct<Quantiles>(m, "Quantiles", "Of many values.")
      .field("p50", &Quantiles::p50, "What half of them do not exceed.")
      .field("p99", &Quantiles::p99, "What 99 % of them do not exceed.")
      .field("max", &Quantiles::max, "The largest.")
      .finish();
  BoundStruct<Durations>(m, "Durations", "Of many durations, in microseconds.")
      .field("p50", &Durations::p50, "What half of them do not exceed, us.")
      .field("p99", &Durations::p99, "What 99 % of them do not exceed, us.")
      .field("max", &Durations::max, "The longest, us.")
      .finish();
  BoundStruct<SeamStats>(m, "SeamStats", "What new chunks changed at their seams, before blending.")
      .field("count", &SeamStats::count, "Seams so far.")
      .field("jump_rad", &SeamStats::jump_rad, "Between old plan and new chunk, rad.")
      .field("velocity_rad_s", &SeamStats::velocity_rad_s, "Between their speeds, rad/s.")
      .field("jerk_rad_s3", &SeamStats::jerk_rad_s3, "Of the rows across the seam, rad/s^3.")
      .finish();
  BoundStruct<ArrivalStats>(m, "ArrivalStats", "Where the joints were when the last slew was judged.")
      .field("missed", &ArrivalStats::missed, "Joints that are not at their goals; bits, in joint order.")
      .field("contact", &ArrivalStats::contact, "Grippers that hold something short of their goal; bits.")
      .field("target_rad", &ArrivalStats::target_rad, "(J,) where they were to go.")
      .field("position_rad", &ArrivalStats::position_rad, "(J,) where they were measured.")
      .finish();
  BoundStruct<GateStats>(m, "GateStats", "What the safety gate did.")
      .field("clamped", &GateStats::clamped, "Goals that a limit held back.")
      .field("refused", &GateStats::refused, "Goals that were not usable.")
      .field("trips", &GateStats::trips, "Times that it tripped.")
      .finish();
  BoundStruct<RealtimeStats>(m, "RealtimeStats", "What the system granted the control thread.")
      .field("fifo", &RealtimeStats::fifo, "Real-time priority (SCHED_FIFO).")
      .field("memory_locked", &RealtimeStats::memory_locked, "Its memory stays in RAM.")
      .field("cpu", &RealtimeStats::cpu, "The processor it asked for; -1: any.")
      .field("pinned", &RealtimeStats::pinned, "Whether it has that one to itself.")
      .field("note", &RealtimeStats::note, "Why the rest was refused; empty: nothing was.")
      .finish();
}

void bind_bus_parts(py::module_& m) {
  BoundStruct<BusCounters>(m, "BusCounters", "What happened on one bus since it was opened.")
      .field("cycles", &BusCounters::cycles, "Reads of all joints.")
      .field("crc_errors", &BusCounters::crc_errors, "Replies with a wrong checksum.")
      .field("timeouts", &BusCounters::timeouts, "Replies that did not come in time.")
      .field("length_errors", &BusCounters::length_errors, "Replies of another length than asked.")
      .field("wrong_id", &BusCounters::wrong_id, "Replies of a servo that was not asked.")
      .field("flushed_bytes", &BusCounters::flushed_bytes, "Bytes that belonged to nothing.")
      .field("late_replies", &BusCounters::late_replies, "Replies that came after they were given up.")
      .field("io_errors", &BusCounters::io_errors, "Reads and writes that the port refused.")
      .field("refusals", &BusCounters::refusals, "Requests that a servo answered with an error.")
      .finish();
  BoundStruct<LatencyReport>(m, "LatencyReport", "Whether a port hands on bytes as they arrive.")
      .field("setting", &LatencyReport::setting, "What became of the low-latency setting.")
      .field("timer_ms", &LatencyReport::timer_ms, "The adapter's own timer, ms; -1: it has none.")
      .finish();
  BoundStruct<mtr_limits_counters>(m, "GateCounters", "What a safety gate did, in goals.")
      .field("clamped", &mtr_limits_counters::clamped, "Held back by a limit.")
      .field("clamped_position", &mtr_limits_counters::clamped_position, "By a joint's range.")
      .field("clamped_velocity", &mtr_limits_counters::clamped_velocity, "By a joint's speed.")
      .field("clamped_acceleration", &mtr_limits_counters::clamped_acceleration, "By its acceleration.")
      .field("clamped_effort", &mtr_limits_counters::clamped_effort, "By its effort.")
      .field("refused", &mtr_limits_counters::refused, "Not usable.")
      .field("trips", &mtr_limits_counters::trips, "Times that the gate tripped.")
      .finish();
}

std::vector<GuardBits> guard_bits(const CoreStats& stats) {
  std::vector<GuardBits> bits;
  for (const std::uint8_t one : stats.protection) bits.push_back(static_cast<GuardBits>(one));
  return bits;
}

/// Binds a field of a nested struct.
template <class Inner, class Value>
auto within(Inner CoreStats::* inner, Value Inner::* value) {
  return [inner, value](const CoreStats& stats) { return stats.*inner.*value; };
}

void bind_core_stats(py::module_& m) {
  using C = CoreStats;
  constexpr auto kChunks = &C::chunks;
  constexpr auto kGate = &C::gate;
  BoundStruct<C>(m, "CoreStats", "How a control core stands, and what it has counted.")
      .field("mode", &C::mode, "What the arm does.")
      .field("reason", &C::reason, "Why.")
      .field("torque", &C::torque, "Whether torque is to be on.")
      .field("ticks", &C::ticks, "Control ticks so far.")
      .field("streaming", &C::streaming, "Whether a leader is followed.")
      .field("streams", &C::streams, "Times that following began.")
      .field("streams_lost", &C::streams_lost, "Times that the leader was lost.")
      .field("underflows", &C::underflows, "Times that chunks stopped coming.")
      .field("fallbacks", &C::fallbacks, "Times that the arm was brought to rest for it.")
      .field("estop", &C::estop, "Whether an emergency stop is latched.")
      .field("estops", &C::estops, "Emergency stops.")
      .field("chunks", within(kChunks, &ChunkCounters::pushed), "Chunks that were taken.")
      .field("stitches", within(kChunks, &ChunkCounters::stitches), "Chunks spliced into a plan.")
      .field("late_chunks", within(kChunks, &ChunkCounters::late_chunks), "Chunks whose seam had passed.")
      .field("expired_chunks", within(kChunks, &ChunkCounters::expired), "Chunks over before they came.")
      .field("malformed_chunks", within(kChunks, &ChunkCounters::malformed), "Chunks that were refused.")
      .field("seam_jump_max_rad", within(kChunks, &ChunkCounters::seam_jump_max_rad),
             "Largest distance between old plan and new chunk at a seam, before blending, rad.")
      .field("handover_jump_max_rad", &C::handover_jump_max_rad,
             "Largest step that a plan published too late would have made, rad.")
      .field("joins", &C::joins, "Changes of source that were smoothed.")
      .field("clamped", within(kGate, &mtr_limits_counters::clamped), "Goals that a limit held back.")
      .field("clamped_position", within(kGate, &mtr_limits_counters::clamped_position), "By a range.")
      .field("clamped_velocity", within(kGate, &mtr_limits_counters::clamped_velocity), "By a speed.")
      .field("clamped_acceleration", within(kGate, &mtr_limits_counters::clamped_acceleration),
             "By an acceleration.")
      .field("clamped_effort", within(kGate, &mtr_limits_counters::clamped_effort), "By an effort.")
      .field("refused", within(kGate, &mtr_limits_counters::refused), "Goals that were not usable.")
      .field("trips", within(kGate, &mtr_limits_counters::trips), "Times that the gate tripped.")
      .field(
          "gate_causes", [](const C& s) { return static_cast<GateCauses>(s.gate_causes); },
          "Why the gate clamped or refused last.")
      .field("back_offs", &C::back_offs, "Times that the guard backed a joint off.")
      .field("protection", &guard_bits, "(J,) what the guard sees or does at each joint.")
      .field("jumped_joints", &C::jumped_joints, "Joints that read another place than they can be at; bits.")
      .field("approaches", within(kChunks, &ChunkCounters::approaches), "Plans that began too far away.")
      .field("approach_joint", within(kChunks, &ChunkCounters::approach_joint), "Joint of the last of them.")
      .field("approach_rad", within(kChunks, &ChunkCounters::approach_rad), "How far it had to go, rad.")
      .field("moves_done", &C::moves_done, "Slews that were judged.")
      .field("arrival", &C::arrival, "Where the last of them ended.")
      .field("seams", &C::seams, "What chunks changed at their seams.")
      .finish();
}

void bind_loop_stats(py::module_& m) {
  using L = LoopStats;
  BoundStruct<L, CoreStats>(m, "LoopStats", "How a control thread stands, and what it has counted.")
      .field("alive", &L::alive, "Whether the thread runs.")
      .field("watchdog", &L::watchdog, "Who takes the torque when this process dies.")
      .field("rate_hz", &L::rate_hz, "Its declared rate, Hz.")
      .field("missed", &L::missed, "Ticks that were skipped because one took too long.")
      .field("bad_reads", &L::bad_reads, "Reads after which joints were stale.")
      .field("torque_failures", &L::torque_failures, "Times that a servo did not take its torque.")
      .field("period_us", &L::period_us, "Between two ticks, us.")
      .field("state_age_us", &L::state_age_us, "Of the oldest reading when a goal was made, us.")
      .field(
          "jump_rad",
          [](const L& s) { return FloatArray(py::ssize_t(s.jump_rad.size()), s.jump_rad.data()); },
          "(J,) by how much a reading jumped; see jumped_joints.")
      .field("bus", &L::bus, "What happened on the bus.")
      .field("latency", &L::latency, "Of the serial port, when it was opened.")
      .field("safety", &L::safety, "What the gate did.")
      .field("torque_stuck", &L::torque_stuck,
             "The thread ended, and a servo did not confirm that it lets go.")
      .field("realtime", &L::realtime, "What the system granted.")
      .field("telemetry_overwritten", &L::telemetry_overwritten, "Ticks that telemetry() came too late for.")
      .finish();
}

}  // namespace

void bind_stats(py::module_& m) {
  bind_stats_parts(m);
  bind_bus_parts(m);
  bind_core_stats(m);
  bind_loop_stats(m);
}

}  // namespace motorium
