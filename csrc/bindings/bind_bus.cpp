#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/bind_bus.hpp"
#include "bus/feetech_bus.hpp"
#include "bus/safety_gate.hpp"
#include "io/bus_error.hpp"
#include "io/monotonic.hpp"
#include "module.hpp"

namespace motorium {

void bind_gate(pybind11::module_& m);
void bind_guard(pybind11::module_& m);
void bind_emulator(pybind11::module_& m);
void bind_dynamixel(pybind11::module_& m);
void bind_settings(pybind11::module_& m);

namespace {

namespace py = pybind11;
using Release = py::call_guard<py::gil_scoped_release>;

template <class T>
py::array_t<T> row(const PerJoint<T>& values, std::size_t n) {
  return py::array_t<T>(static_cast<py::ssize_t>(n), values.data());
}

py::dict to_dict(const JointState& s) {
  using namespace py::literals;
  return py::dict("t_ns"_a = s.t_ns, "position_rad"_a = row(s.position_rad, s.n),
                  "velocity_rad_s"_a = row(s.velocity_rad_s, s.n), "effort"_a = row(s.effort, s.n),
                  "voltage_v"_a = row(s.voltage_v, s.n), "temperature_c"_a = row(s.temperature_c, s.n),
                  "status"_a = row(s.status, s.n), "joint_t_ns"_a = row(s.joint_t_ns, s.n));
}

/// What every driver of a chain offers. Unguarded: for tests, benches and calibration.
void bind_joint_bus(py::module_& m) {
  py::class_<JointBus>(m, "JointBus")
      .def(
          "read_state", [](JointBus& bus, JointState& state) { return bus.read_state(state); },
          py::arg("state"), Release())
      .def("write_goal", &JointBus::write_goal, py::arg("goal"), Release())
      .def("set_torque", &JointBus::set_torque, py::arg("on"), Release())
      .def("counters", [](const JointBus& bus) { return to_dict(bus.counters()); })
      .def("latency", [](const JointBus& bus) { return to_dict(bus.latency()); });
}

}  // namespace

void bind_bus(py::module_& m) {
  py::register_exception<BusError>(m, "BusError", PyExc_OSError);
  py::enum_<BusStatus>(m, "BusStatus")
      .value("OK", BusStatus::ok)
      .value("STALE_JOINTS", BusStatus::stale_joints)
      .value("IO_ERROR", BusStatus::io_error)
      .value("CLOSED", BusStatus::closed);
  bind_gate(m);
  bind_guard(m);
  bind_settings(m);
  bind_joint_bus(m);
  // The EEPROM but its operating mode, and its lock: at 55 in the STS series; at 48 in the SCS series, where
  // the others have the low byte of the torque limit, which 0 and 1 do not raise.
  bind_raw(py::class_<FeetechLink>(m, "FeetechBus"), {{{0, 32}, {34, 39}}, 40, {48, 55}});
  py::class_<FeetechBus, JointBus>(m, "FeetechJoints")
      .def(py::init<const std::string&, const BusConfig&>(), py::arg("port"), py::arg("config"), Release());
  py::class_<JointState>(m, "JointReadings").def(py::init<>()).def("as_dict", [](const JointState& state) {
    return to_dict(state);
  });
  bind_dynamixel(m);
  bind_emulator(m);
}

}  // namespace motorium
