#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>

#include <optional>

#include "bindings/bind_guard.hpp"
#include "bindings/bind_runtime.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

RestPolicy rest_policy(const std::string& name) {
  if (name == "hold") return RestPolicy::hold;
  if (name == "park") return RestPolicy::park;
  if (name == "release") return RestPolicy::release;
  throw py::value_error("policy '" + name + "' is unknown; valid choices: hold, park, release");
}

std::int64_t ns(double seconds) { return static_cast<std::int64_t>(std::llround(seconds * 1e9)); }

ControlConfig make_config(const FloatArray& lower_rad, const FloatArray& upper_rad,
                          const FloatArray& max_velocity, const FloatArray& max_acceleration,
                          const FloatArray& max_effort, const FloatArray& rest_rad, double rate_hz,
                          double max_state_age_s, double max_command_age_s, std::uint32_t trip_after,
                          float approach_velocity_share, const std::string& fallback, double fallback_after_s,
                          const std::string& exit, double park_timeout_s, double blend_s,
                          const std::vector<mtr_guard_joint>& guard, double estop_hold_s,
                          const std::optional<FloatArray>& max_jerk, float position_jump_rad, int cpu) {
  if (lower_rad.ndim() != 1 || lower_rad.size() < 1 || lower_rad.size() > kMaxJoints)
    throw py::value_error("lower_rad must hold 1 to 32 joints");
  ControlConfig config;
  const auto n = config.limits.n_joints = static_cast<std::uint32_t>(lower_rad.size());
  const auto lower = per_joint(lower_rad, n, "lower_rad"), upper = per_joint(upper_rad, n, "upper_rad");
  const auto velocity = per_joint(max_velocity, n, "max_velocity_rad_s");
  const auto acceleration = per_joint(max_acceleration, n, "max_acceleration_rad_s2");
  const auto effort = per_joint(max_effort, n, "max_effort");
  for (std::uint32_t j = 0; j < n; ++j)
    config.limits.joint[j] = {lower[j], upper[j], velocity[j], acceleration[j], effort[j]};
  config.limits.dt_s = static_cast<float>(1.0 / rate_hz);
  config.limits.max_state_age_ns = ns(max_state_age_s);
  config.limits.max_command_age_ns = ns(max_command_age_s);
  config.limits.trip_after = trip_after;
  config.rate_hz = rate_hz;
  if (max_jerk) config.max_jerk_rad_s3 = per_joint(*max_jerk, n, "max_jerk_rad_s3");
  config.rest_rad = per_joint(rest_rad, n, "rest_rad");
  config.approach_velocity_share = approach_velocity_share;
  config.fallback = rest_policy(fallback);
  config.fallback_after_ns = ns(fallback_after_s);
  config.exit = rest_policy(exit);
  config.park_timeout_ns = ns(park_timeout_s);
  config.blend_ns = ns(blend_s);
  config.guard = guard_config(guard, config.limits.dt_s);
  if (!guard.empty() && guard.size() != n) throw py::value_error("guard must hold one entry per joint");
  config.estop_hold_ns = ns(estop_hold_s);
  config.position_jump_rad = position_jump_rad;
  config.cpu = cpu;
  return config;
}

FloatArray tick(ControlCore& core, std::int64_t now_ns, const FloatArray& position,
                const FloatArray& velocity, const FloatArray& effort, std::int64_t state_t_ns) {
  JointState state;
  state.n = core.joints();
  state.t_ns = state_t_ns;
  state.position_rad = per_joint(position, state.n, "position_rad");
  state.velocity_rad_s = per_joint(velocity, state.n, "velocity_rad_s");
  state.effort = per_joint(effort, state.n, "effort");
  state.joint_t_ns.fill(state_t_ns);
  const TickResult result = core.tick(now_ns, state);
  return to_array(result.goal ? result.goal->position_rad() : state.position_rad, state.n);
}

FloatArray committed(const ControlCore& core, std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows) {
  FloatArray out({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(core.joints())});
  core.committed(t0_ns, dt_ns, rows, mutable_view(out));
  return out;
}

void bind_config(py::module_& m) {
  py::class_<ControlConfig>(m, "ControlConfig", "Limits, rates and policies of the control thread.")
      .def(py::init(&make_config), py::kw_only(), py::arg("lower_rad"), py::arg("upper_rad"),
           py::arg("max_velocity_rad_s"), py::arg("max_acceleration_rad_s2"), py::arg("max_effort"),
           py::arg("rest_rad"), py::arg("rate_hz") = 200.0, py::arg("max_state_age_s") = 0.1,
           py::arg("max_command_age_s") = 0.5, py::arg("trip_after") = 20,
           py::arg("approach_velocity_share") = 0.25f, py::arg("fallback") = "hold",
           py::arg("fallback_after_s") = 3.0, py::arg("exit") = "park", py::arg("park_timeout_s") = 6.0,
           py::arg("blend_s") = 0.15, py::arg("guard") = std::vector<mtr_guard_joint>{},
           py::arg("estop_hold_s") = 0.5, py::arg("max_jerk_rad_s3") = py::none(),
           py::arg("position_jump_rad") = 0.25f, py::arg("cpu") = -1)
      .def_property_readonly("joints", [](const ControlConfig& c) { return c.limits.n_joints; })
      .def_readonly("rate_hz", &ControlConfig::rate_hz);
}

}  // namespace

const char* name_of(Mode mode) {
  constexpr const char* kNames[] = {"idle", "moving", "running", "holding", "fault", "released"};
  return kNames[static_cast<std::size_t>(mode)];
}

const char* name_of(Reason reason) {
  constexpr const char* kNames[] = {
      "",           "underflow", "bus_errors", "bus_closed",   "gate_tripped", "parking", "park_timed_out",
      "protection", "frozen",    "estop",      "position_jump"};
  return kNames[static_cast<std::size_t>(reason)];
}

const char* name_of(PushStatus status) {
  constexpr const char* kNames[] = {"accepted",     "late",        "expired",    "malformed",
                                    "out_of_range", "out_of_time", "not_running"};
  return kNames[static_cast<std::size_t>(status)];
}

PerJoint<float> per_joint(const FloatArray& array, std::uint32_t joints, const char* name) {
  require_shape(array, {static_cast<py::ssize_t>(joints)}, name);
  PerJoint<float> out{};
  std::copy_n(array.data(), joints, out.begin());
  return out;
}

PerJoint<float> pose(const FloatArray& array, std::uint32_t joints) {
  const PerJoint<float> out = per_joint(array, joints, "q");
  if (!std::all_of(out.begin(), out.begin() + joints, [](float x) { return std::isfinite(x); }))
    throw py::value_error("q holds a number that is not finite");
  return out;
}

FloatArray to_array(const PerJoint<float>& values, std::uint32_t joints) {
  return FloatArray(static_cast<py::ssize_t>(joints), values.data());
}

py::tuple meant_rad(const Meaning& meaning, std::uint32_t joints) {
  return py::make_tuple(to_array(meaning.lowest_rad, joints), to_array(meaning.highest_rad, joints));
}

ChunkView chunk_view(const FloatArray& rows, std::uint32_t joints, std::int64_t t0_ns, std::int64_t dt_ns,
                     std::uint32_t delay) {
  require_shape(rows, {-1, static_cast<py::ssize_t>(joints)}, "chunk");
  return {view(rows), static_cast<std::uint32_t>(rows.shape(0)), t0_ns, dt_ns, delay, false};
}

void bind_control_core(py::module_& m) {
  bind_config(m);
  py::class_<ControlCore>(m, "ControlCore", "One control tick in virtual time; for one Python thread.")
      .def(py::init<const ControlConfig&>(), py::arg("config"))
      .def("tick", &tick, py::arg("now_ns"), py::arg("position_rad"), py::arg("velocity_rad_s"),
           py::arg("effort"), py::arg("state_t_ns"))
      .def("enable", &ControlCore::enable)
      .def("hold", [](ControlCore& core) { core.hold(); })
      .def("park", &ControlCore::park)
      .def("release", &ControlCore::release)
      .def("estop", &ControlCore::estop)
      .def("reset_estop", &ControlCore::reset_estop)
      .def("accept_position", &ControlCore::accept_position)
      .def(
          "move_to",
          [](ControlCore& core, const FloatArray& q, float share) {
            core.move_to(pose(q, core.joints()), share);
          },
          py::arg("q"), py::arg("velocity_share") = 0.0f)
      .def(
          "push_chunk",
          [](ControlCore& core, const FloatArray& chunk, std::int64_t t0_ns, std::int64_t dt_ns,
             std::uint32_t delay, std::int64_t now_ns, bool final) {
            ChunkView rows = chunk_view(chunk, core.joints(), t0_ns, dt_ns, delay);
            rows.final = final;
            return name_of(core.push_chunk(rows, now_ns));
          },
          py::arg("chunk"), py::arg("t0_ns"), py::arg("dt_ns"), py::arg("delay"), py::arg("now_ns"),
          py::arg("final") = false)
      .def("committed", &committed, py::arg("t0_ns"), py::arg("dt_ns"), py::arg("rows"))
      .def(
          "setpoint",
          [](const ControlCore& core, std::int64_t t_ns) {
            FloatArray out(static_cast<py::ssize_t>(core.joints()));
            core.committed(t_ns, 0, 1, mutable_view(out));
            return out;
          },
          py::arg("t_ns"))
      .def_property_readonly(
          "goal_rad",
          [](const ControlCore& core) { return to_array(core.snapshot().goal_rad, core.joints()); })
      .def_property_readonly(
          "setpoint_rad",
          [](const ControlCore& core) { return to_array(core.snapshot().setpoint_rad, core.joints()); })
      .def_property_readonly("meant_rad",
                             [](const ControlCore& core) { return meant_rad(core.meaning(), core.joints()); })
      .def_property_readonly("mode", [](const ControlCore& core) { return name_of(core.snapshot().mode); })
      .def_property_readonly("reason",
                             [](const ControlCore& core) { return name_of(core.snapshot().reason); })
      .def("stats",
           [](const ControlCore& core) { return core_stats(core.snapshot(), core.chunk_counters()); });
}

}  // namespace motorium
