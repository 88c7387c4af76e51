#include "module.hpp"

namespace motorium {

void bind_engine(pybind11::module_&) {}

}  // namespace motorium
