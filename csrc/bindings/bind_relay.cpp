#include <pybind11/numpy.h>

#include <memory>

#include "bindings/bind_runtime.hpp"
#include "robot/bus_family.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Times = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;

/// `readings`: rows of position, velocity, effort, voltage, temperature and status of every joint.
void publish(Relay& relay, std::int64_t t_ns, const FloatArray& readings, const Times& joint_t_ns) {
  const std::uint32_t n = relay.joints();
  if (readings.ndim() != 2 || readings.shape(0) != 6 || readings.shape(1) != n || joint_t_ns.size() != n) {
    throw py::value_error("readings must have shape (6, J), joint_t_ns (J,)");
  }
  JointState state;
  state.t_ns = t_ns;
  state.n = n;
  for (std::uint32_t j = 0; j < n; ++j) {
    const auto at = [&](py::ssize_t row) { return *readings.data(row, static_cast<py::ssize_t>(j)); };
    state.position_rad[j] = at(0);
    state.velocity_rad_s[j] = at(1);
    state.effort[j] = at(2);
    state.voltage_v[j] = at(3);
    state.temperature_c[j] = at(4);
    state.status[j] = static_cast<std::uint8_t>(at(5));
    state.joint_t_ns[j] = *joint_t_ns.data(static_cast<py::ssize_t>(j));
  }
  const py::gil_scoped_release release;
  relay.publish(state);
}

py::object goal(const Relay& relay) {
  const Relay::Goal newest = relay.goal();
  if (newest.number == 0) return py::none();
  return py::make_tuple(newest.number, to_array(newest.position_rad, newest.n));
}

}  // namespace

void bind_relay(py::module_& m) {
  py::class_<Relay, std::shared_ptr<Relay>>(m, "Relay")
      .def(py::init<std::uint32_t, bool>(), py::arg("joints"), py::arg("servos_watch") = false)
      .def("publish", &publish, py::arg("t_ns"), py::arg("readings"), py::arg("joint_t_ns"))
      .def("goal", &goal)
      .def("torque_request",
           [](const Relay& relay) {
             const Relay::TorqueRequest asked = relay.torque_request();
             return py::make_tuple(asked.ticket, asked.on);
           })
      .def(
          "done",
          [](Relay& relay, std::uint64_t ticket, bool ok) {
            relay.done(ticket, ok ? BusStatus::ok : BusStatus::io_error);
          },
          py::arg("ticket"), py::arg("ok"))
      .def("close", &Relay::close)
      .def_property_readonly("closed", &Relay::closed);
}

}  // namespace motorium
