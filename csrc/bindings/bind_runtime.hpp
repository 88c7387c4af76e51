#pragma once

#include <pybind11/pybind11.h>

#include <optional>

#include "bindings/arrays.hpp"
#include "bindings/enums.hpp"
#include "robot/robot.hpp"

namespace motorium {

void bind_causes(pybind11::module_& m);
void bind_scheduler(pybind11::module_& m);
void bind_slot_map(pybind11::module_& m);
void bind_control_config(pybind11::module_& m);
void bind_robot_config(pybind11::module_& m);
void bind_control_core(pybind11::module_& m);
void bind_robot(pybind11::module_& m);
void bind_relay(pybind11::module_& m);
void bind_frames(pybind11::module_& m);

/// Returns the fraction of its velocity limits at which the arm slews; None: the approach share. ValueError
/// outside (0, 1].
float checked_share(std::optional<double> share, const ControlConfig& config);

/// Checks the shape, then copies one value per joint.
PerJoint<float> per_joint(const FloatArray& array, std::uint32_t joints, const char* name);
/// Returns a target pose; ValueError when a number is not finite.
PerJoint<float> pose(const FloatArray& array, std::uint32_t joints);
FloatArray to_array(const PerJoint<float>& values, std::uint32_t joints);
/// Views `rows` as a chunk; ValueError unless it is (T, joints).
ChunkView chunk_view(const FloatArray& rows, std::uint32_t joints, std::int64_t t0_ns, std::int64_t dt_ns,
                     std::uint32_t delay);
/// `map`: joint lists `source`, `scale`, `offset` of the follower's length, and `max_age_s`. ValueError
/// otherwise.
void follow(Robot& follower, const Robot& leader, const pybind11::dict& map);
/// Returns a structured array, one element per record.
pybind11::array telemetry_array(const std::vector<TickRecord>& records, std::uint32_t joints);
/// Returns the lowest and highest value of a chunk, (J,) each.
pybind11::tuple meant_rad(const Meaning& meaning, std::uint32_t joints);

}  // namespace motorium
