#include "module.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "motorium's C++ core: bus, runtime and denoising engine.";
  m.attr("compiler") = MOTORIUM_COMPILER;
  motorium::bind_enums(m);
  motorium::bind_stats(m);
  motorium::bind_states(m);
  motorium::bind_bus(m);
  motorium::bind_runtime(m);
  motorium::bind_engine(m);
  motorium::bind_old_names(m);
}
