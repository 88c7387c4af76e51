#include "bindings/bind_guard.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>

#include "bindings/arrays.hpp"
#include "bindings/enums.hpp"
#include "bus/servo_guard.hpp"
#include "module.hpp"

namespace motorium {

void bind_guard(pybind11::module_& m);

namespace {

namespace py = pybind11;

PerJoint<float> copied(const FloatArray& array, const ServoGuard& guard, const char* name) {
  require_shape(array, {guard.joints()}, name);
  PerJoint<float> values{};
  std::copy_n(array.data(), guard.joints(), values.begin());
  return values;
}

py::tuple step(ServoGuard& guard, const FloatArray& goal, const FloatArray& measured,
               const FloatArray& velocity, const FloatArray& effort, const FloatArray& temperature,
               const FloatArray& voltage) {
  JointState state;
  state.n = guard.joints();
  state.position_rad = copied(measured, guard, "measured_rad");
  state.velocity_rad_s = copied(velocity, guard, "velocity_rad_s");
  state.effort = copied(effort, guard, "effort");
  state.temperature_c = copied(temperature, guard, "temperature_c");
  state.voltage_v = copied(voltage, guard, "voltage_v");
  PerJoint<float> goals = copied(goal, guard, "goal_rad");
  const mtr_guard_verdict verdict = guard.step(state, goals);
  std::vector<GuardBits> bits;
  for (std::uint32_t j = 0; j < guard.joints(); ++j) bits.push_back(static_cast<GuardBits>(guard.bits()[j]));
  return py::make_tuple(FloatArray(guard.joints(), goals.data()), bits, verdict);
}

}  // namespace

mtr_guard_config guard_config(const std::vector<mtr_guard_joint>& joints, float dt_s) {
  if (joints.size() > kMaxJoints)
    throw std::invalid_argument("at most " + std::to_string(kMaxJoints) + " joints");
  mtr_guard_config config{};
  config.n_joints = static_cast<std::uint32_t>(joints.size());
  config.dt_s = dt_s;
  std::copy(joints.begin(), joints.end(), config.joint);
  return config;
}

void bind_guard(py::module_& m) {
  py::class_<mtr_guard_joint>(m, "GuardJoint")
      .def(py::init([](float stall_effort, float stall_error, float stall_velocity, float stall_time,
                       float overload, float hold, float warn_c, float derate_c, float stop_c, float warn_v,
                       float min_v, float max_v) {
             return mtr_guard_joint{stall_effort, stall_error, stall_velocity, stall_time, overload, hold,
                                    warn_c,       derate_c,    stop_c,         warn_v,     min_v,    max_v};
           }),
           py::kw_only(), py::arg("stall_effort"), py::arg("stall_error_rad"),
           py::arg("stall_velocity_rad_s"), py::arg("stall_time_s"), py::arg("overload_effort"),
           py::arg("hold_effort"), py::arg("warn_c") = 0.0F, py::arg("derate_c") = 0.0F,
           py::arg("stop_c") = 0.0F, py::arg("warn_v") = 0.0F, py::arg("min_v") = 0.0F,
           py::arg("max_v") = 0.0F);
  py::class_<ServoGuard>(m, "ServoGuard")
      .def(py::init([](const std::vector<mtr_guard_joint>& joints, float dt_s) {
             return ServoGuard(guard_config(joints, dt_s));
           }),
           py::arg("joints"), py::arg("dt_s"))
      .def("step", &step, py::arg("goal_rad"), py::arg("measured_rad"), py::arg("velocity_rad_s"),
           py::arg("effort"), py::arg("temperature_c"), py::arg("voltage_v"))
      .def("clear", &ServoGuard::clear);
}

}  // namespace motorium
