#include <pybind11/stl.h>

#include <chrono>

#include "bindings/bind_bus.hpp"
#include "bindings/bind_runtime.hpp"
#include "bindings/bound_loop.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Release = py::call_guard<py::gil_scoped_release>;

/// Waits, without the GIL, until `done(core, loop)` or the time-out; Python's signal handlers run meanwhile.
template <class Done>
bool wait_until(const BoundLoop& bound, double timeout_s, Done done) {
  using Clock = std::chrono::steady_clock;
  const auto give_up =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_s));
  for (int round = 0;; ++round) {
    if (done(bound.loop.core_snapshot(), bound.loop.loop_snapshot())) return true;
    if (Clock::now() >= give_up) return false;
    if (round % 10 == 9 && PyErr_CheckSignals() != 0) throw py::error_already_set();
    const py::gil_scoped_release release;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

bool over(const LoopSnapshot& loop, std::uint64_t ticket) {
  return !loop.alive || loop.requests_done >= ticket;
}

/// Requests without an outcome return when the control thread has taken them, a tick later at most.
void taken(const BoundLoop& bound, std::uint64_t ticket) {
  wait_until(bound, 0.25,
             [ticket](const CoreSnapshot&, const LoopSnapshot& loop) { return over(loop, ticket); });
}

bool enable(BoundLoop& bound, double timeout_s) {
  const std::uint64_t ticket = bound.loop.enable();
  wait_until(bound, timeout_s, [ticket](const CoreSnapshot& core, const LoopSnapshot& loop) {
    return over(loop, ticket) && (core.torque || core.mode == Mode::fault || !loop.alive);
  });
  const CoreSnapshot core = bound.loop.core_snapshot();
  return core.torque && core.mode != Mode::fault;
}

bool move_to(BoundLoop& bound, const FloatArray& q, float share, double timeout_s) {
  const std::uint64_t before = bound.loop.core_snapshot().moves_done;
  const std::uint64_t ticket = bound.loop.move_to(per_joint(q, bound.loop.joints(), "q"), share);
  if (timeout_s <= 0.0) return ticket != 0;
  wait_until(bound, timeout_s, [ticket](const CoreSnapshot& core, const LoopSnapshot& loop) {
    return over(loop, ticket) && core.mode != Mode::moving;
  });
  const CoreSnapshot core = bound.loop.core_snapshot();
  return core.mode == Mode::holding && core.moves_done > before;
}

bool park(BoundLoop& bound, double timeout_s) {
  const std::uint64_t ticket = bound.loop.park();
  wait_until(bound, timeout_s, [ticket](const CoreSnapshot& core, const LoopSnapshot& loop) {
    return over(loop, ticket) && core.mode != Mode::moving;
  });
  const CoreSnapshot core = bound.loop.core_snapshot();
  return core.mode == Mode::released && core.reason != Reason::park_timed_out;
}

py::dict state(const BoundLoop& bound) {
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

py::object state_at(const BoundLoop& bound, std::int64_t t_ns) {
  using namespace py::literals;
  TickRecord r;
  if (!bound.loop.state_at(t_ns, r)) return py::none();
  const std::uint32_t n = bound.loop.joints();
  return py::dict("t_ns"_a = r.state_t_ns, "position_rad"_a = to_array(r.position_rad, n),
                  "velocity_rad_s"_a = to_array(r.velocity_rad_s, n), "effort"_a = to_array(r.effort, n));
}

py::dict stats(const BoundLoop& bound) {
  using namespace py::literals;
  const LoopSnapshot loop = bound.loop.loop_snapshot();
  const PeriodHistogram& periods = bound.loop.periods();
  const RealtimeReport realtime = bound.loop.realtime();
  py::dict out = core_stats(bound.loop.core_snapshot(), bound.loop.chunk_counters());
  out["alive"] = loop.alive;
  out["rate_hz"] = bound.loop.config().rate_hz;
  out["ticks"] = loop.ticks;
  out["missed"] = loop.missed;
  out["bad_reads"] = loop.bad_reads;
  out["torque_failures"] = loop.torque_failures;
  out["period_us"] = py::dict("p50"_a = periods.quantile_us(0.5), "p99"_a = periods.quantile_us(0.99),
                              "max"_a = periods.max_us());
  out["bus"] = to_dict(loop.bus);
  out["latency"] = to_dict(bound.latency);
  out["safety"] =
      py::dict("clamped"_a = out["clamped"], "refused"_a = out["refused"], "trips"_a = out["trips"]);
  out["torque_stuck"] = !loop.alive && loop.torque_on && bound.loop.config().exit != RestPolicy::hold;
  out["realtime"] = py::dict("fifo"_a = realtime.fifo, "memory_locked"_a = realtime.memory_locked,
                             "note"_a = realtime.note);
  out["telemetry_overwritten"] = bound.telemetry.overwritten();
  return out;
}

}  // namespace

void bind_control_loop(py::module_& m) {
  py::class_<BoundLoop>(m, "ControlLoop",
                        "The control thread of one arm. Every method may be called from any thread.")
      .def(py::init(&open_on_feetech), py::arg("config"), py::arg("port"), py::arg("bus_config"))
      .def(py::init(&open_on_dynamixel), py::arg("config"), py::arg("port"), py::arg("bus_config"))
      .def(py::init(&open_on_several), py::arg("config"), py::arg("ports"), py::arg("bus_configs"))
      .def(
          "start", [](BoundLoop& b) { b.loop.start(); }, Release())
      .def(
          "stop", [](BoundLoop& b) { b.loop.stop(); }, Release())
      .def("enable", &enable, py::arg("timeout_s") = 2.0)
      .def("move_to", &move_to, py::arg("q"), py::arg("velocity_share") = 0.0f, py::arg("timeout_s") = 0.0)
      .def("hold", [](BoundLoop& b) { taken(b, b.loop.hold()); })
      .def("park", &park, py::arg("timeout_s") = 10.0)
      .def("release", [](BoundLoop& b) { taken(b, b.loop.release()); })
      .def(
          "push_chunk",
          [](BoundLoop& b, const FloatArray& chunk, std::int64_t t0_ns, std::int64_t dt_ns,
             std::uint32_t delay) {
            return name_of(b.loop.push_chunk(chunk_view(chunk, b.loop.joints(), t0_ns, dt_ns, delay)));
          },
          py::arg("chunk"), py::arg("t0_ns"), py::arg("dt_ns"), py::arg("delay"))
      .def(
          "committed",
          [](const BoundLoop& b, std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows) {
            FloatArray out({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(b.loop.joints())});
            b.loop.committed(t0_ns, dt_ns, rows, mutable_view(out));
            return out;
          },
          py::arg("t0_ns"), py::arg("dt_ns"), py::arg("rows"))
      .def(
          "follow",
          [](BoundLoop& b, const BoundLoop& leader, const py::dict& map) {
            follow(b.loop, leader.loop, map);
          },
          py::arg("leader"), py::arg("map"), py::keep_alive<1, 2>())
      .def("engage", [](BoundLoop& b) { return b.loop.engage(); })
      .def_property_readonly(
          "goal_rad",
          [](const BoundLoop& b) { return to_array(b.loop.core_snapshot().goal_rad, b.loop.joints()); })
      .def_property_readonly("joints", [](const BoundLoop& b) { return b.loop.joints(); })
      .def_property_readonly("mode", [](const BoundLoop& b) { return name_of(b.loop.core_snapshot().mode); })
      .def_property_readonly("reason",
                             [](const BoundLoop& b) { return name_of(b.loop.core_snapshot().reason); })
      .def("state", &state)
      .def("state_at", &state_at, py::arg("t_ns"))
      .def("stats", &stats)
      .def("telemetry", [](BoundLoop& b) {
        return telemetry_array(b.telemetry.drain(b.loop.history()), b.loop.joints());
      });
}

}  // namespace motorium
