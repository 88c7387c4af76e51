#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>

#include <optional>

#include "bindings/bind_runtime.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

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

}  // namespace

float checked_share(std::optional<double> share, const ControlConfig& config) {
  if (!share) return config.approach_velocity_share;
  if (*share > 0.0 && *share <= 1.0) return static_cast<float>(*share);
  throw py::value_error("velocity_share must be in (0, 1], or None for the robot's approach speed; not " +
                        py::str(py::float_(*share)).cast<std::string>());
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
          [](ControlCore& core, const FloatArray& q, std::optional<double> share) {
            core.move_to(pose(q, core.joints()), checked_share(share, core.config()));
          },
          py::arg("q"), py::arg("velocity_share") = py::none())
      .def(
          "push_chunk",
          [](ControlCore& core, const FloatArray& chunk, std::int64_t t0_ns, std::int64_t dt_ns,
             std::uint32_t delay, std::int64_t now_ns, bool final) {
            ChunkView rows = chunk_view(chunk, core.joints(), t0_ns, dt_ns, delay);
            rows.final = final;
            return core.push_chunk(rows, now_ns);
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
      .def_property_readonly("mode", [](const ControlCore& core) { return core.snapshot().mode; })
      .def_property_readonly("reason", [](const ControlCore& core) { return core.snapshot().reason; })
      .def("stats", [](const ControlCore& core) { return stats_of(core.snapshot(), core.chunk_counters()); });
}

}  // namespace motorium
