#include "module.hpp"

namespace motorium {

void bind_bus(pybind11::module_&) {}

}  // namespace motorium
