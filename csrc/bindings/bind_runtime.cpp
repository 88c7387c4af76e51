#include "bindings/bind_runtime.hpp"

#include "bindings/module.hpp"

namespace motorium {

void bind_runtime(pybind11::module_& m) {
  bind_slot_map(m);
  bind_control_core(m);
  bind_relay(m);
  bind_control_loop(m);
  bind_frames(m);
}

}  // namespace motorium
