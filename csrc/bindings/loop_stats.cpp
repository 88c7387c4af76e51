#include <pybind11/stl.h>

#include <string>
#include <utility>

#include "bindings/loop_requests.hpp"
#include "runtime/period_histogram.hpp"

namespace py = pybind11;

namespace motorium {

py::dict loop_state(const BoundLoop& bound) {
  using namespace py::literals;
  const JointState s = bound.loop.state();
  const std::uint32_t n = s.n;
  const auto size = static_cast<py::ssize_t>(n);
  return py::dict("t_ns"_a = s.t_ns, "position_rad"_a = to_array(s.position_rad, n),
                  "velocity_rad_s"_a = to_array(s.velocity_rad_s, n), "effort"_a = to_array(s.effort, n),
                  "voltage_v"_a = to_array(s.voltage_v, n), "temperature_c"_a = to_array(s.temperature_c, n),
                  "status"_a = py::array_t<std::uint8_t>(size, s.status.data()),
                  "joint_t_ns"_a = py::array_t<std::int64_t>(size, s.joint_t_ns.data()));
}

py::object loop_state_at(const BoundLoop& bound, std::int64_t t_ns) {
  using namespace py::literals;
  TickRecord r;
  if (!bound.loop.state_at(t_ns, r)) return py::none();
  const std::uint32_t n = bound.loop.joints();
  return py::dict("t_ns"_a = r.state_t_ns, "position_rad"_a = to_array(r.position_rad, n),
                  "velocity_rad_s"_a = to_array(r.velocity_rad_s, n), "effort"_a = to_array(r.effort, n));
}

namespace {

/// A mixture names all that apply.
std::string name_of(WatchedBy watched) {
  std::string name;
  const std::pair<WatchedBy, const char*> all[] = {{WatchedBy::supervisor, "supervisor"},
                                                   {WatchedBy::servos, "servo watchdog"},
                                                   {WatchedBy::nobody, "none"}};
  for (const auto& [one, word] : all) {
    if (has(watched, one)) name += (name.empty() ? "" : ", ") + std::string(word);
  }
  return name;
}

}  // namespace

py::dict loop_stats(const BoundLoop& bound) {
  using namespace py::literals;
  const LoopSnapshot loop = bound.loop.loop_snapshot();
  const PeriodHistogram &periods = bound.loop.periods(), &ages = bound.loop.ages();
  const RealtimeReport realtime = bound.loop.realtime();
  py::dict out = core_stats(bound.loop.core_snapshot(), bound.loop.chunk_counters());
  out["alive"] = loop.alive;
  out["watchdog"] = name_of(bound.loop.watched_by());
  out["rate_hz"] = bound.loop.config().rate_hz;
  out["ticks"] = loop.ticks;
  out["missed"] = loop.missed;
  out["bad_reads"] = loop.bad_reads;
  out["torque_failures"] = loop.torque_failures;
  out["period_us"] = py::dict("p50"_a = periods.quantile_us(0.5), "p99"_a = periods.quantile_us(0.99),
                              "max"_a = periods.max_us());
  out["state_age_us"] =
      py::dict("p50"_a = ages.quantile_us(0.5), "p99"_a = ages.quantile_us(0.99), "max"_a = ages.max_us());
  out["jump_rad"] = to_array(bound.loop.core_snapshot().jump_rad, bound.loop.joints());
  out["bus"] = to_dict(loop.bus);
  out["latency"] = to_dict(bound.latency);
  out["safety"] =
      py::dict("clamped"_a = out["clamped"], "refused"_a = out["refused"], "trips"_a = out["trips"]);
  out["torque_stuck"] = !loop.alive && loop.torque_on && bound.loop.config().exit != RestPolicy::hold;
  out["realtime"] =
      py::dict("fifo"_a = realtime.fifo, "memory_locked"_a = realtime.memory_locked,
               "cpu"_a = bound.loop.config().cpu, "pinned"_a = realtime.pinned, "note"_a = realtime.note);
  out["telemetry_overwritten"] = bound.telemetry.overwritten();
  return out;
}

}  // namespace motorium
