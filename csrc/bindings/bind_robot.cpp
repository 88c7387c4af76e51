#include <pybind11/stl.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "bindings/bound_robot.hpp"
#include "bindings/robot_requests.hpp"
#include "robot/termination.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Release = py::call_guard<py::gil_scoped_release>;

int watch_estop(BoundRobot& bound, int fd, const std::string& keys, bool hand_on) {
  try {
    return bound.watch_estop(fd, {reinterpret_cast<const std::uint8_t*>(keys.data()), keys.size()}, hand_on);
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrno(PyExc_OSError);
    throw py::error_already_set();
  }
}

/// One caller at a time, because it holds the GIL.
std::vector<std::pair<std::int64_t, int>> take_keys(BoundRobot& bound) {
  std::vector<std::pair<std::int64_t, int>> keys;
  for (KeyPress key; bound.take_key(key);) keys.emplace_back(key.t_ns, key.byte);
  return keys;
}

}  // namespace

void bind_robot(py::module_& m) {
  m.def("guard_termination", &guard_termination);
  m.def("has_signal_handler", &has_signal_handler, py::arg("number"));
  m.def("unguard_termination", &unguard_termination);
  py::class_<BoundRobot>(m, "Robot",
                         "One arm: its buses, its control thread, its joints in the unified slots.")
      .def(py::init(&open_on_ports), py::arg("config"), py::arg("ports"))
      .def(py::init(&open_on_relay), py::arg("config"), py::arg("relay"))
      .def(
          "start", [](BoundRobot& b) { b.start(); }, Release())
      .def(
          "stop", [](BoundRobot& b) { b.stop(); }, Release())
      .def("wait_until_heard", &wait_for_joints, py::arg("timeout_s") = Robot::kFirstReadingS)
      .def("power_up", &power_up, py::arg("timeout_s") = Robot::kEnableS)
      .def("reconnect", &reconnect, py::arg("timeout_s") = 0.0)
      .def(
          "torque_problem", [](const BoundRobot& b) { return b.torque_problem(); }, Release())
      .def("enable", &enable, py::arg("timeout_s") = Robot::kEnableS)
      .def("move_to", &move_to, py::arg("q"), py::arg("velocity_share") = py::none(),
           py::arg("timeout_s") = 0.0)
      .def(
          "slew",
          [](BoundRobot& b, const FloatArray& q, std::optional<double> share, double timeout_s) {
            return slew(b, q, share, timeout_s);
          },
          py::arg("q"), py::arg("velocity_share") = py::none(), py::arg("timeout_s") = 15.0)
      .def("hold", &hold)
      .def("park", &park, py::arg("timeout_s") = Robot::kParkS)
      .def("release", &release)
      .def("estop", &estop)
      .def("reset_estop", &reset_estop, py::arg("timeout_s") = 2.0)
      .def("accept_position", &accept_position)
      .def(
          "step", [](BoundRobot& b, std::int64_t now_ns) { b.step(now_ns); }, py::arg("now_ns"), Release())
      .def("watch_estop", &watch_estop, py::arg("fd"), py::arg("keys") = py::bytes(),
           py::arg("hand_on") = false)
      .def(
          "unwatch_estop", [](BoundRobot& b, int input) { b.unwatch_estop(input); }, py::arg("input"),
          Release())
      .def("take_keys", &take_keys)
      .def(
          "push_joints",
          [](BoundRobot& b, const FloatArray& chunk, std::int64_t t0_ns, std::int64_t dt_ns,
             std::uint32_t delay, bool final) {
            ChunkView rows = chunk_view(chunk, b.joints(), t0_ns, dt_ns, delay);
            rows.final = final;
            return b.push_joints(rows);
          },
          py::arg("chunk"), py::arg("t0_ns"), py::arg("dt_ns"), py::arg("delay"), py::arg("final") = false)
      .def(
          "committed_joints",
          [](const BoundRobot& b, std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows) {
            FloatArray out({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(b.joints())});
            b.committed_joints(t0_ns, dt_ns, rows, mutable_view(out));
            return out;
          },
          py::arg("t0_ns"), py::arg("dt_ns"), py::arg("rows"))
      .def(
          "push_slots",
          [](BoundRobot& b, const FloatArray& chunk, std::int64_t t0_ns, std::int64_t dt_ns,
             std::uint32_t delay, bool final) {
            require_shape(chunk, {-1, py::ssize_t{kSlots}}, "chunk");
            const auto rows = static_cast<std::uint32_t>(chunk.shape(0));
            return b.push_slots({view(chunk), rows, t0_ns, dt_ns, delay, final});
          },
          py::arg("chunk"), py::arg("t0_ns"), py::arg("dt_ns"), py::arg("delay"), py::arg("final") = false)
      .def(
          "committed_slots",
          [](const BoundRobot& b, std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows) {
            FloatArray out({static_cast<py::ssize_t>(rows), py::ssize_t{kSlots}});
            b.committed_slots(t0_ns, dt_ns, rows, mutable_view(out));
            return out;
          },
          py::arg("t0_ns"), py::arg("dt_ns"), py::arg("rows"))
      .def(
          "follow",
          [](BoundRobot& b, const BoundRobot& leader, const py::dict& map) { follow(b, leader, map); },
          py::arg("leader"), py::arg("map"), py::keep_alive<1, 2>())
      .def("engage", [](BoundRobot& b) { return b.engage(); })
      .def_property_readonly("goal_rad",
                             [](const BoundRobot& b) { return to_array(b.goal_rad(), b.joints()); })
      .def_property_readonly("meant_rad",
                             [](const BoundRobot& b) { return meant_rad(b.meaning(), b.joints()); })
      .def_property_readonly("joints", [](const BoundRobot& b) { return b.joints(); })
      .def_property_readonly("mode", [](const BoundRobot& b) { return b.mode(); })
      .def_property_readonly("reason", [](const BoundRobot& b) { return b.reason(); })
      .def("state", [](const BoundRobot& b) { return b.state(); })
      .def(
          "state_at", [](const BoundRobot& b, std::int64_t t_ns) { return b.state_at(t_ns); },
          py::arg("t_ns"))
      .def(
          "setpoint_at",
          [](const BoundRobot& b, std::int64_t t_ns) -> py::object {
            const std::optional<PerJoint<float>> setpoint_rad = b.setpoint_at(t_ns);
            if (!setpoint_rad) return py::none();
            return to_array(*setpoint_rad, b.joints());
          },
          py::arg("t_ns"))
      .def("why_stopped", &BoundRobot::why_stopped)
      .def("last_states", [](const BoundRobot& b) { return b.last_states(); })
      .def("stats", [](const BoundRobot& b) { return b.stats(); })
      .def("telemetry", [](BoundRobot& b) { return telemetry_array(b.telemetry(), b.joints()); });
}

}  // namespace motorium
