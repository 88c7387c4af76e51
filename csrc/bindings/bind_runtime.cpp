#include "bindings/bind_runtime.hpp"

#include "bindings/module.hpp"

namespace motorium {

void bind_runtime(pybind11::module_& m) {
  m.attr("MAX_CHUNK_ROWS") = kMaxChunkRows;
  m.attr("MIN_ROW_S") = static_cast<double>(kMinStepNs) * 1e-9;
  m.attr("MAX_ROW_S") = static_cast<double>(kMaxStepNs) * 1e-9;
  bind_scheduler(m);
  bind_slot_map(m);
  bind_control_config(m);
  bind_robot_config(m);
  bind_causes(m);
  bind_control_core(m);
  bind_relay(m);
  bind_robot(m);
  bind_frames(m);
}

}  // namespace motorium
