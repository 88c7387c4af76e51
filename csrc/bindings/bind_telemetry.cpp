#include <pybind11/numpy.h>

#include <cstring>

#include "bindings/bind_runtime.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

py::dtype telemetry_type(std::uint32_t joints) {
  py::list fields;
  const auto add = [&fields](const char* name, const char* type) {
    fields.append(py::make_tuple(name, type));
  };
  add("t_ns", "<i8");
  add("state_t_ns", "<i8");
  add("tick", "<u8");
  add("period_us", "<u4");
  add("events", "<u4");
  add("mode", "u1");
  add("verdict", "u1");
  add("gate_causes", "<u2");
  for (const char* name : {"position_rad", "velocity_rad_s", "effort", "setpoint_rad", "goal_rad"})
    fields.append(py::make_tuple(name, "<f4", py::make_tuple(joints)));
  for (const char* name : {"seam_rad", "seam_rad_s", "seam_rad_s3"}) add(name, "<f4");
  return py::dtype::from_args(fields);
}

void pack(const TickRecord& r, std::uint32_t joints, unsigned char* out) {
  const auto put = [&out](const void* from, std::size_t bytes) {
    std::memcpy(out, from, bytes);
    out += bytes;
  };
  put(&r.t_ns, 8);
  put(&r.state_t_ns, 8);
  put(&r.tick, 8);
  put(&r.period_us, 4);
  put(&r.events, 4);
  put(&r.mode, 1);
  put(&r.verdict, 1);
  put(&r.gate_causes, 2);
  for (const auto* values : {&r.position_rad, &r.velocity_rad_s, &r.effort, &r.setpoint_rad, &r.goal_rad})
    put(values->data(), 4 * std::size_t{joints});
  for (const float value : {r.seam.jump_rad, r.seam.velocity_rad_s, r.seam.jerk_rad_s3}) put(&value, 4);
}

}  // namespace

py::array telemetry_array(const std::vector<TickRecord>& records, std::uint32_t joints) {
  py::array out(telemetry_type(joints), std::vector<py::ssize_t>{static_cast<py::ssize_t>(records.size())});
  auto* place = static_cast<unsigned char*>(out.mutable_data());
  for (const TickRecord& record : records) {
    pack(record, joints, place);
    place += out.itemsize();
  }
  return out;
}

}  // namespace motorium
