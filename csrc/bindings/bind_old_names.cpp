#include <utility>

#include "module.hpp"

namespace py = pybind11;

namespace motorium {

/// Binds the names of the release before: using one warns, and returns today's equivalent.
void bind_old_names(py::module_& m) {
  const auto deprecated = py::module_::import("motorium.deprecated");
  const auto renamed = [m](const char* name) {
    return py::cpp_function([m, name] { return py::object(m.attr(name)); });
  };
  py::dict names;
  names["ControlLoop"] = py::make_tuple("Robot", renamed("Robot"));
  names["DynamixelJoints"] = py::make_tuple("DynamixelBus", renamed("DynamixelBus"));
  names["FeetechJoints"] = py::make_tuple("FeetechBus", renamed("FeetechBus"));
  names["JointReadings"] = py::make_tuple("JointState", renamed("JointState"));
  names["DynamixelModel"] = py::make_tuple("ServoModel", renamed("ServoModel"));
  deprecated.attr("renamed_methods")(m.attr("Robot"), py::dict(py::arg("push_chunk") = "push_joints",
                                                               py::arg("committed") = "committed_joints"));
  m.attr("__getattr__") = deprecated.attr("old_names")("motorium._core", names);
  // Raw registers were reached through classes that had the names of today's drivers.
  for (const auto& [name, family] : {std::pair{"FeetechBus", "feetech"}, {"DynamixelBus", "dynamixel"}})
    deprecated.attr("service_bus_by_old_name")(m.attr(name), m.attr("ServiceBus"), m.attr("BusConfig"),
                                               family);
  const py::object emulator = m.attr("ServoEmulator"), of = emulator.attr("of");
  emulator.attr("dynamixel") = py::staticmethod(py::cpp_function(
      [of](const py::object& servos) { return of("dynamixel", servos); }, py::arg("servos")));
}

}  // namespace motorium
