#include <pybind11/stl.h>

#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/enums.hpp"
#include "bus/safety_gate.hpp"
#include "io/monotonic.hpp"
#include "module.hpp"

namespace motorium {
namespace {

namespace py = pybind11;

const float* joints(const FloatArray& array, const SafetyGate& gate, const char* name) {
  require_shape(array, {gate.joints()}, name);
  return array.data();
}

mtr_limits_config make_limits(const std::vector<float>& lower, const std::vector<float>& upper,
                              const std::vector<float>& velocity, const std::vector<float>& acceleration,
                              const std::vector<float>& effort, float dt_s, double max_state_age_s,
                              double max_command_age_s, std::uint32_t trip_after) {
  const std::size_t n = lower.size();
  if (n > kMaxJoints || upper.size() != n || velocity.size() != n || acceleration.size() != n ||
      effort.size() != n) {
    throw py::value_error("limits need one value per joint in each list, 32 joints at most");
  }
  constexpr double kLongestAgeS = 1e6;
  if (!(std::abs(max_state_age_s) <= kLongestAgeS) || !(std::abs(max_command_age_s) <= kLongestAgeS)) {
    throw py::value_error("limits on the age of state and command must be numbers below 1e6 s");
  }
  mtr_limits_config config{};
  config.n_joints = static_cast<std::uint32_t>(n);
  config.dt_s = dt_s;
  config.max_state_age_ns = static_cast<std::int64_t>(max_state_age_s * static_cast<double>(kNsPerS));
  config.max_command_age_ns = static_cast<std::int64_t>(max_command_age_s * static_cast<double>(kNsPerS));
  config.trip_after = trip_after;
  for (std::size_t j = 0; j < n; ++j) {
    config.joint[j] = {lower[j], upper[j], velocity[j], acceleration[j], effort[j]};
  }
  if (!mtr_limits_config_ok(&config)) throw py::value_error("safety limits contradict themselves");
  return config;
}

}  // namespace

void bind_gate(py::module_& m) {
  py::class_<mtr_limits_config>(m, "LimitsConfig")
      .def(py::init(&make_limits), py::kw_only(), py::arg("lower_rad"), py::arg("upper_rad"),
           py::arg("max_velocity_rad_s"), py::arg("max_acceleration_rad_s2"), py::arg("max_effort"),
           py::arg("dt_s"), py::arg("max_state_age_s"), py::arg("max_command_age_s"), py::arg("trip_after"))
      .def_readonly("n_joints", &mtr_limits_config::n_joints)
      .def_readonly("dt_s", &mtr_limits_config::dt_s);
  const auto positions = [](const GatedGoal& goal) {
    return py::array_t<float>(goal.size(), goal.position_rad().data());
  };
  py::class_<GatedGoal>(m, "GatedGoal")
      .def_property_readonly("position_rad", positions)
      .def("__array__",
           [positions](const GatedGoal& goal, const py::args&, const py::kwargs&) { return positions(goal); })
      .def("__len__", &GatedGoal::size);
  py::class_<SafetyGate>(m, "SafetyGate")
      .def(py::init<const mtr_limits_config&>(), py::arg("config"))
      .def(
          "arm",
          [](SafetyGate& gate, const FloatArray& q) {
            return gate.arm({joints(q, gate, "measured_rad"), gate.joints()});
          },
          py::arg("measured_rad"))
      .def(
          "apply",
          [](SafetyGate& gate, const FloatArray& goal, const FloatArray& measured, const FloatArray& effort,
             std::int64_t now_ns, std::int64_t state_t_ns, std::int64_t command_t_ns) {
            const mtr_limits_input input{joints(goal, gate, "goal_rad"),
                                         joints(measured, gate, "measured_rad"),
                                         joints(effort, gate, "effort"),
                                         now_ns,
                                         state_t_ns,
                                         command_t_ns};
            mtr_verdict verdict = MTR_PASS;
            const GatedGoal gated = gate.apply(input, &verdict);
            return py::make_tuple(gated, verdict, static_cast<GateCauses>(gate.causes()));
          },
          py::arg("goal_rad"), py::arg("measured_rad"), py::arg("effort"), py::arg("now_ns"),
          py::arg("state_t_ns"), py::arg("command_t_ns"))
      .def("reset", &SafetyGate::reset)
      .def("counters", [](const SafetyGate& gate) { return gate.counters(); })
      .def_property_readonly("armed", &SafetyGate::armed)
      .def_property_readonly("tripped", &SafetyGate::tripped);
}

}  // namespace motorium
