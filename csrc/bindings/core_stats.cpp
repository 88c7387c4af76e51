#include <pybind11/stl.h>

#include "bindings/bind_runtime.hpp"
#include "runtime/seam_statistics.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

py::dict quantiles(const LogHistogram& values) {
  using namespace py::literals;
  return py::dict("p50"_a = values.quantile(0.5f), "p99"_a = values.quantile(0.99f), "max"_a = values.max());
}

std::vector<float> to_list(const PerJoint<float>& values, std::uint32_t joints) {
  return {values.begin(), values.begin() + joints};
}

/// Of the last slew that was judged, a park among them.
py::dict arrival(const CoreSnapshot& s) {
  using namespace py::literals;
  return py::dict("missed"_a = s.arrival.missed, "contact"_a = s.arrival.contact,
                  "target_rad"_a = to_list(s.arrival.target_rad, s.joints),
                  "position_rad"_a = to_list(s.arrival.position_rad, s.joints));
}

}  // namespace

py::dict core_stats(const CoreSnapshot& s, const ChunkCounters& chunks) {
  using namespace py::literals;
  return py::dict(
      "mode"_a = name_of(s.mode), "reason"_a = name_of(s.reason), "torque"_a = s.torque, "ticks"_a = s.ticks,
      "streaming"_a = s.streaming, "streams"_a = s.streams, "streams_lost"_a = s.streams_lost,
      "underflows"_a = s.underflows, "fallbacks"_a = s.fallbacks, "estop"_a = s.estop, "estops"_a = s.estops,
      "chunks"_a = chunks.pushed, "stitches"_a = chunks.stitches, "late_chunks"_a = chunks.late_chunks,
      "expired_chunks"_a = chunks.expired, "malformed_chunks"_a = chunks.malformed,
      "seam_jump_max_rad"_a = chunks.seam_jump_max_rad, "handover_jump_max_rad"_a = s.handover_jump_max_rad,
      "joins"_a = s.joins, "clamped"_a = s.gate.clamped, "clamped_position"_a = s.gate.clamped_position,
      "clamped_velocity"_a = s.gate.clamped_velocity, "clamped_acceleration"_a = s.gate.clamped_acceleration,
      "clamped_effort"_a = s.gate.clamped_effort, "refused"_a = s.gate.refused, "trips"_a = s.gate.trips,
      "gate_causes"_a = s.gate_causes, "back_offs"_a = s.guard.back_offs,
      "protection"_a = std::vector<int>(s.guard_bits.begin(), s.guard_bits.begin() + s.joints),
      "jumped_joints"_a = s.jumped, "approaches"_a = chunks.approaches,
      "approach_joint"_a = chunks.approach_joint, "approach_rad"_a = chunks.approach_rad,
      "moves_done"_a = s.moves_done, "arrival"_a = arrival(s),
      "seams"_a =
          py::dict("count"_a = chunks.seams.jump_rad.count(), "jump_rad"_a = quantiles(chunks.seams.jump_rad),
                   "velocity_rad_s"_a = quantiles(chunks.seams.velocity_rad_s),
                   "jerk_rad_s3"_a = quantiles(chunks.seams.jerk_rad_s3)));
}

}  // namespace motorium
