#include <pybind11/stl.h>

#include <vector>

#include "bindings/bind_runtime.hpp"

namespace py = pybind11;

namespace motorium {

void follow(Robot& follower, const Robot& leader, const py::dict& map) {
  const auto source = map["source"].cast<std::vector<int>>();
  const auto scale = map["scale"].cast<std::vector<float>>(),
             offset = map["offset"].cast<std::vector<float>>();
  const std::size_t n = follower.joints();
  if (source.size() != n || scale.size() != n || offset.size() != n)
    throw py::value_error("source, scale and offset need one entry per joint of the follower");
  if (&follower == &leader) throw py::value_error("an arm cannot follow itself");
  LeaderMap out;
  out.joints = follower.joints();
  out.max_age_ns = static_cast<std::int64_t>(map["max_age_s"].cast<double>() * 1e9);
  for (std::size_t j = 0; j < n; ++j) {
    if (source[j] >= static_cast<int>(leader.joints()))
      throw py::value_error("the leader has no joint " + std::to_string(source[j]));
    out.source[j] = source[j];
    out.scale[j] = scale[j];
    out.offset[j] = offset[j];
  }
  follower.follow(leader, out);
}

}  // namespace motorium
