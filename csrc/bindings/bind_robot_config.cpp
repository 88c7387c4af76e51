#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bindings/bind_runtime.hpp"
#include "robot/bus_family.hpp"
#include "robot/robot_file.hpp"

namespace motorium {
namespace {

namespace py = pybind11;
using Release = py::call_guard<py::gil_scoped_release>;

void bind_bus_config(py::module_& m) {
  py::class_<ServoJoint>(m, "ServoJoint",
                         "One servo of a chain: how its counts become the radians of its joint.")
      .def(py::init<>())
      .def_readwrite("id", &ServoJoint::id)
      .def_readwrite("model_number", &ServoJoint::model_number)
      .def_readwrite("zero_ticks", &ServoJoint::zero_ticks)
      .def_readwrite("middle_ticks", &ServoJoint::middle_ticks)
      .def_readwrite("sign", &ServoJoint::sign)
      .def_readwrite("ticks_per_rad", &ServoJoint::ticks_per_rad)
      .def_readwrite("rad_s_per_unit", &ServoJoint::rad_s_per_unit)
      .def_readwrite("effort_full_scale", &ServoJoint::effort_full_scale)
      .def_readwrite("min_ticks", &ServoJoint::min_ticks)
      .def_readwrite("max_ticks", &ServoJoint::max_ticks)
      .def_readwrite("fast_firmware", &ServoJoint::fast_firmware)
      .def_readwrite("passive", &ServoJoint::passive);
  py::class_<BusConfig>(m, "BusConfig", "One servo bus: its family, its line, its servos in joint order.")
      .def(py::init<>())
      .def_readwrite("family", &BusConfig::family)
      .def_readwrite("side", &BusConfig::side)
      .def_readwrite("baud", &BusConfig::baud)
      .def_readwrite("reply_margin_s", &BusConfig::reply_margin_s)
      .def_readwrite("health_period_s", &BusConfig::health_period_s)
      .def_readwrite("watchdog_units", &BusConfig::watchdog_units)
      .def_readwrite("joints", &BusConfig::joints)
      .def_readwrite("settings", &BusConfig::settings)
      .def_readwrite("traits", &BusConfig::traits);
}

void bind_joint(py::module_& m) {
  py::class_<RobotJoint>(m, "RobotJoint",
                         "One joint of a robot: its name, its slot, its bounds before torque.")
      .def(py::init<>())
      .def_readwrite("name", &RobotJoint::name)
      .def_readwrite("slot", &RobotJoint::slot)
      .def_readwrite("slot_scale", &RobotJoint::slot_scale)
      .def_readwrite("slot_offset", &RobotJoint::slot_offset)
      .def_readwrite("home_rad", &RobotJoint::home_rad)
      .def_readwrite("min_position_rad", &RobotJoint::min_position_rad)
      .def_readwrite("max_position_rad", &RobotJoint::max_position_rad)
      .def_readwrite("min_supply_v", &RobotJoint::min_supply_v)
      .def_readwrite("max_supply_v", &RobotJoint::max_supply_v)
      .def_readwrite("hot_c", &RobotJoint::hot_c)
      .def_readwrite("fault_names", &RobotJoint::fault_names)
      .def_readwrite("forbids_torque", &RobotJoint::forbids_torque)
      .def_readwrite("torque_lost", &RobotJoint::torque_lost);
  py::class_<PolicyTiming>(m, "PolicyTiming", "How often a policy speaks, and how long its inference takes.")
      .def(py::init<>())
      .def_readwrite("rate_hz", &PolicyTiming::rate_hz)
      .def_readwrite("latency_budget_s", &PolicyTiming::latency_budget_s)
      .def_readwrite("latency_s", &PolicyTiming::latency_s)
      .def_readwrite("latency_weight", &PolicyTiming::latency_weight);
  py::class_<RobotCamera>(m, "RobotCamera", "A camera by its role.")
      .def(py::init<>())
      .def_readwrite("role", &RobotCamera::role)
      .def_readwrite("width", &RobotCamera::width)
      .def_readwrite("height", &RobotCamera::height)
      .def_readwrite("fps", &RobotCamera::fps)
      .def_readwrite("max_age_s", &RobotCamera::max_age_s);
}

py::bytes spec_hash(const RobotConfig& config) {
  return {reinterpret_cast<const char*>(config.spec_hash.data()), config.spec_hash.size()};
}

void set_spec_hash(RobotConfig& config, const std::string& bytes) {
  if (bytes.size() != config.spec_hash.size()) throw py::value_error("a SHA-256 has 32 bytes");
  std::copy(bytes.begin(), bytes.end(), config.spec_hash.begin());
}

py::bytes to_bytes(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string words(const RobotReading& reading) {
  const std::string text = describe(reading.problem);
  return reading.detail.empty() ? text : text + ": " + reading.detail;
}

/// Binds the compiled robot: the file that Python, C and microcontrollers open.
void bind_robot_file(py::module_& m, py::class_<RobotConfig>& config) {
  py::class_<RobotReading>(m, "RobotReading",
                           "What the bytes of a compiled robot hold, or what is wrong with them.")
      .def_readonly("problem", &RobotReading::problem)
      .def_property_readonly("text", &words)
      .def_readonly("config", &RobotReading::config);
  config.def("to_bytes", [](const RobotConfig& robot) { return to_bytes(write_robot(robot)); });
  config.def("content_hash", [](const RobotConfig& robot) { return to_bytes(content_hash(robot)); });
  m.def(
      "read_robot",
      [](const py::buffer& data) {
        const py::buffer_info info = data.request();
        if (info.ndim != 1 || info.itemsize != 1) throw py::type_error("a compiled robot is bytes");
        return read_robot({static_cast<const std::uint8_t*>(info.ptr), static_cast<std::size_t>(info.size)});
      },
      py::arg("data"));
}

}  // namespace

void bind_robot_config(py::module_& m) {
  bind_bus_config(m);
  bind_joint(m);
  py::class_<RobotConfig> robot_config(
      m, "RobotConfig", "Everything between a robot's declaration with its calibration and a running arm.");
  robot_config.def(py::init<>())
      .def_readwrite("name", &RobotConfig::name)
      .def_property("spec_hash", &spec_hash, &set_spec_hash)
      .def_readwrite("control", &RobotConfig::control)
      .def_readwrite("policy", &RobotConfig::policy)
      .def_readwrite("joints", &RobotConfig::joints)
      .def_readwrite("buses", &RobotConfig::buses)
      .def_readwrite("cameras", &RobotConfig::cameras)
      .def("check", [](const RobotConfig& robot) { check(robot); });
  bind_robot_file(m, robot_config);
  m.def("bus_families", [] {
    std::vector<std::string> names;
    for (const BusFamily& family : bus_families()) names.emplace_back(family.name);
    return names;
  });
  m.def(
      "open_bus",
      [](const std::string& port, const BusConfig& config) { return open_bus(config, {port, {}}); },
      py::arg("port"), py::arg("config"), Release());
}

}  // namespace motorium
