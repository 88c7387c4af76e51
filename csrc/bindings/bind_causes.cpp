#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "bindings/bind_runtime.hpp"
#include "robot/self_check.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

std::optional<std::uint32_t> joint_of(const Problem& problem) {
  return problem.joint == Problem::kWholeArm ? std::nullopt : std::optional(problem.joint);
}

Problem make_problem(Cause cause, std::optional<std::uint32_t> joint, double measured, double low,
                     double high, std::uint32_t bits, const std::string& note, double goal_rad,
                     double supply_v) {
  return {cause, joint.value_or(Problem::kWholeArm), measured, low, high, bits, note, goal_rad, supply_v};
}

Problems check_reading(const std::vector<RobotJoint>& joints, const FloatArray& position_rad,
                       const FloatArray& voltage_v, const FloatArray& temperature_c,
                       const std::vector<std::uint8_t>& status) {
  if (joints.size() > kMaxJoints || status.size() != joints.size())
    throw py::value_error("status must hold one value per joint");
  const auto n = static_cast<std::uint32_t>(joints.size());
  JointState state;
  state.n = n;
  state.position_rad = per_joint(position_rad, n, "position_rad");
  state.voltage_v = per_joint(voltage_v, n, "voltage_v");
  state.temperature_c = per_joint(temperature_c, n, "temperature_c");
  std::copy(status.begin(), status.end(), state.status.begin());
  return self_check(joints, state);
}

}  // namespace

void bind_causes(py::module_& m) {
  py::native_enum<Cause>(m, "Cause", "enum.IntEnum",
                         "Why an arm gets no torque, or is not what it was asked to be.")
      .value("SUPPLY", Cause::supply)
      .value("HEAT", Cause::heat)
      .value("POSITION", Cause::position)
      .value("SERVO_FAULT", Cause::servo_fault)
      .value("UNHEARD", Cause::unheard)
      .value("STALE", Cause::stale)
      .value("JUMPED", Cause::jumped)
      .value("MISSED", Cause::missed)
      .value("SETTING", Cause::setting)
      .value("UNCONFIRMED", Cause::unconfirmed)
      .value("REFUSED", Cause::refused)
      .value("UNPLUGGED", Cause::unplugged)
      .value("SILENT", Cause::silent)
      .value("TORQUE_LOST", Cause::torque_lost)
      .value("ESTOP", Cause::estop)
      .value("UNSUPERVISED", Cause::unsupervised)
      .value("FROZEN", Cause::frozen)
      .value("GATE_TRIPPED", Cause::gate_tripped)
      .value("PROTECTION", Cause::protection)
      .finalize();
  py::class_<Problem>(m, "Problem", "One cause: of one joint, or of the whole arm.")
      .def(py::init(&make_problem), py::arg("cause"), py::arg("joint") = py::none(),
           py::arg("measured") = 0.0, py::arg("low") = 0.0, py::arg("high") = 0.0, py::arg("bits") = 0,
           py::arg("note") = "", py::arg("goal_rad") = 0.0, py::arg("supply_v") = 0.0)
      .def_readonly("cause", &Problem::cause)
      .def_property_readonly("joint", &joint_of)
      .def_readonly("measured", &Problem::measured)
      .def_readonly("low", &Problem::low)
      .def_readonly("high", &Problem::high)
      .def_readonly("bits", &Problem::bits)
      .def_readonly("note", &Problem::note)
      .def_readonly("goal_rad", &Problem::goal_rad)
      .def_readonly("supply_v", &Problem::supply_v);
  m.def("describe", py::overload_cast<const Problems&, const RobotConfig&>(&describe), py::arg("problems"),
        py::arg("config"));
  m.def("self_check", &check_reading, py::arg("joints"), py::arg("position_rad"), py::arg("voltage_v"),
        py::arg("temperature_c"), py::arg("status"));
}

}  // namespace motorium
