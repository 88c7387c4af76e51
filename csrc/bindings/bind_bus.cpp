#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/structs.hpp"
#include "module.hpp"
#include "robot/bus_family.hpp"

namespace motorium {

void bind_gate(pybind11::module_& m);
void bind_guard(pybind11::module_& m);
void bind_emulator(pybind11::module_& m);
void bind_settings(pybind11::module_& m);

namespace {

namespace py = pybind11;
using Release = py::call_guard<py::gil_scoped_release>;

/// Binds what every driver of a chain offers. Not gated: for tests, benchmarks and calibration.
void bind_joint_bus(py::module_& m) {
  py::class_<JointBus>(m, "JointBus")
      .def(
          "read_state", [](JointBus& bus, JointState& state) { return bus.read_state(state); },
          py::arg("state"), Release())
      .def("write_goal", &JointBus::write_goal, py::arg("goal"), Release())
      .def("set_torque", &JointBus::set_torque, py::arg("on"), Release())
      .def("counters", [](const JointBus& bus) { return bus.counters(); })
      .def("latency", [](const JointBus& bus) { return bus.latency(); });
}

void bind_drivers(py::module_& m) {
  py::class_<FeetechBus, JointBus>(m, "FeetechBus")
      .def(py::init<const std::string&, const BusConfig&>(), py::arg("port"), py::arg("config"), Release());
  py::class_<DynamixelBus, JointBus>(m, "DynamixelBus")
      .def(py::init<const std::string&, const BusConfig&>(), py::arg("port"), py::arg("config"), Release())
      .def("reboot", &DynamixelBus::reboot, py::arg("joint"), Release())
      .def_property_readonly("fast", &DynamixelBus::fast);
}

}  // namespace

void bind_bus(py::module_& m) {
  py::register_exception<BusError>(m, "BusError", PyExc_OSError);
  bind_gate(m);
  bind_guard(m);
  bind_settings(m);
  bind_joint_bus(m);
  bind_service_bus(m);
  bind_drivers(m);
  bind_emulated_models(m);
  bind_emulator(m);
}

}  // namespace motorium
