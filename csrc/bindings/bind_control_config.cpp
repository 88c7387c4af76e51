#include <pybind11/stl.h>

#include <cmath>

#include <optional>

#include "bindings/bind_guard.hpp"
#include "bindings/bind_runtime.hpp"
#include "bindings/enums.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

std::int64_t ns(double seconds) { return static_cast<std::int64_t>(std::llround(seconds * 1e9)); }

ControlConfig make_config(const FloatArray& lower_rad, const FloatArray& upper_rad,
                          const FloatArray& max_velocity, const FloatArray& max_acceleration,
                          const FloatArray& max_effort, const FloatArray& rest_rad, double rate_hz,
                          double max_state_age_s, double max_command_age_s, std::uint32_t trip_after,
                          float approach_velocity_share, OrText<RestPolicy> fallback, double fallback_after_s,
                          OrText<RestPolicy> exit, double park_timeout_s, double blend_s,
                          const std::vector<mtr_guard_joint>& guard, double estop_hold_s,
                          const std::optional<FloatArray>& max_jerk, float position_jump_rad, int cpu,
                          const std::optional<FloatArray>& arrival_tolerance, double settle_s,
                          const std::vector<bool>& grippers, const std::optional<FloatArray>& start_gap) {
  if (lower_rad.ndim() != 1 || lower_rad.size() < 1 || lower_rad.size() > kMaxJoints)
    throw py::value_error("lower_rad must hold 1 to " + std::to_string(kMaxJoints) + " joints");
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
  config.fallback = fallback.value;
  config.fallback_after_ns = ns(fallback_after_s);
  config.exit = exit.value;
  config.park_timeout_ns = ns(park_timeout_s);
  config.blend_ns = ns(blend_s);
  config.guard = guard_config(guard, config.limits.dt_s);
  if (!guard.empty() && guard.size() != n) throw py::value_error("guard must hold one entry per joint");
  config.estop_hold_ns = ns(estop_hold_s);
  config.position_jump_rad = position_jump_rad;
  config.cpu = cpu;
  if (arrival_tolerance)
    config.arrival_tolerance_rad = per_joint(*arrival_tolerance, n, "arrival_tolerance_rad");
  config.settle_ns = ns(settle_s);
  if (!grippers.empty() && grippers.size() != n)
    throw py::value_error("grippers must hold one entry per joint");
  for (std::uint32_t j = 0; j < grippers.size(); ++j)
    if (grippers[j]) config.grippers |= joint_bit(j);
  if (start_gap) config.start_gap_rad = per_joint(*start_gap, n, "start_gap_rad");
  return config;
}

/// Binds one limit of every joint.
template <float mtr_joint_limits::* Limit>
FloatArray limits_of(const ControlConfig& config) {
  PerJoint<float> values{};
  for (std::uint32_t j = 0; j < config.limits.n_joints; ++j) values[j] = config.limits.joint[j].*Limit;
  return to_array(values, config.limits.n_joints);
}

}  // namespace

void bind_control_config(py::module_& m) {
  py::class_<ControlConfig>(m, "ControlConfig", "Limits, rates and policies of the control thread.")
      .def(py::init(&make_config), py::kw_only(), py::arg("lower_rad"), py::arg("upper_rad"),
           py::arg("max_velocity_rad_s"), py::arg("max_acceleration_rad_s2"), py::arg("max_effort"),
           py::arg("rest_rad"), py::arg("rate_hz") = 200.0, py::arg("max_state_age_s") = 0.1,
           py::arg("max_command_age_s") = 0.5, py::arg("trip_after") = 20,
           py::arg("approach_velocity_share") = 0.25f, py::arg("fallback") = RestPolicy::hold,
           py::arg("fallback_after_s") = 3.0, py::arg("exit") = RestPolicy::park,
           py::arg("park_timeout_s") = 6.0, py::arg("blend_s") = 0.15,
           py::arg("guard") = std::vector<mtr_guard_joint>{}, py::arg("estop_hold_s") = 0.5,
           py::arg("max_jerk_rad_s3") = py::none(), py::arg("position_jump_rad") = 0.25f, py::arg("cpu") = -1,
           py::arg("arrival_tolerance_rad") = py::none(), py::arg("settle_s") = 1.0,
           py::arg("grippers") = std::vector<bool>{}, py::arg("start_gap_rad") = py::none())
      .def_property_readonly("joints", [](const ControlConfig& c) { return c.limits.n_joints; })
      .def_readonly("rate_hz", &ControlConfig::rate_hz)
      .def_readonly("exit", &ControlConfig::exit)
      .def_property_readonly("lower_rad", &limits_of<&mtr_joint_limits::lower_rad>)
      .def_property_readonly("upper_rad", &limits_of<&mtr_joint_limits::upper_rad>)
      .def_property_readonly("max_velocity_rad_s", &limits_of<&mtr_joint_limits::max_velocity_rad_s>)
      .def_property_readonly("rest_rad",
                             [](const ControlConfig& c) { return to_array(c.rest_rad, c.limits.n_joints); });
}

}  // namespace motorium
