#include "module.hpp"

namespace motorium {

void bind_runtime(pybind11::module_&) {}

}  // namespace motorium
