#include "module.hpp"

namespace py = pybind11;

namespace motorium {

/// Binds the names of the release before: using one warns, and returns today's equivalent.
void bind_old_names(py::module_& m) {
  const auto partial = py::module_::import("functools").attr("partial");
  const auto service = [m, partial](const char* family) {
    return py::cpp_function([m, partial, family] { return partial(m.attr("ServiceBus"), family); });
  };
  const auto renamed = [m](const char* name) {
    return py::cpp_function([m, name] { return py::object(m.attr(name)); });
  };
  py::dict names;
  names["FeetechBus"] = py::make_tuple("ServiceBus(\"feetech\", ...)", service("feetech"));
  names["DynamixelBus"] = py::make_tuple("ServiceBus(\"dynamixel\", ...)", service("dynamixel"));
  names["JointReadings"] = py::make_tuple("JointState", renamed("JointState"));
  m.attr("__getattr__") =
      py::module_::import("motorium.deprecated").attr("old_names")("motorium._core", names);
}

}  // namespace motorium
