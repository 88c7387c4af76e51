#include <pybind11/stl.h>

#include "bindings/bind_runtime.hpp"
#include "runtime/slot_map.hpp"

namespace py = pybind11;

namespace motorium {

void bind_slot_map(py::module_& m) {
  m.attr("SLOTS") = kSlots;
  py::class_<SlotMap>(m, "SlotMap", "Robot joints (radians) <-> unified slots: slot = scale * q + offset.")
      .def(py::init<std::vector<std::uint32_t>, std::vector<float>, std::vector<float>>(), py::arg("slots"),
           py::arg("scale"), py::arg("offset"))
      .def_property_readonly("slots", &SlotMap::slots)
      .def_property_readonly("joints", &SlotMap::joints)
      .def(
          "scatter",
          [](const SlotMap& map, const FloatArray& q) {
            require_shape(q, {static_cast<py::ssize_t>(map.joints())}, "q");
            FloatArray out(kSlots);
            map.scatter_rows(view(q), 1, mutable_view(out));
            return out;
          },
          py::arg("q"))
      .def(
          "gather",
          [](const SlotMap& map, const FloatArray& s) {
            require_shape(s, {kSlots}, "s");
            FloatArray out(static_cast<py::ssize_t>(map.joints()));
            map.gather_rows(view(s), 1, mutable_view(out));
            return out;
          },
          py::arg("s"))
      .def(
          "scatter_chunk",
          [](const SlotMap& map, const FloatArray& q) {
            require_shape(q, {-1, static_cast<py::ssize_t>(map.joints())}, "q");
            FloatArray out({q.shape(0), py::ssize_t{kSlots}});
            map.scatter_rows(view(q), static_cast<std::size_t>(q.shape(0)), mutable_view(out));
            return out;
          },
          py::arg("q"))
      .def(
          "gather_chunk",
          [](const SlotMap& map, const FloatArray& s) {
            require_shape(s, {-1, kSlots}, "s");
            FloatArray out({s.shape(0), static_cast<py::ssize_t>(map.joints())});
            map.gather_rows(view(s), static_cast<std::size_t>(s.shape(0)), mutable_view(out));
            return out;
          },
          py::arg("s"));
}

}  // namespace motorium
