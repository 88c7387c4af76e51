#include <pybind11/stl.h>

#include "bindings/bind_runtime.hpp"
#include "runtime/slot_map.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

/// `out` itself, which has to be the caller's very array (float32, C order), or a new one.
FloatArray target(const py::object& out, py::ssize_t rows, py::ssize_t columns) {
  if (out.is_none()) return FloatArray({rows, columns});
  if (!FloatArray::check_(out)) throw py::type_error("out must be a float32 array in C order");
  auto array = py::reinterpret_borrow<FloatArray>(out);
  if (array.ndim() != 2 || array.shape(0) != rows || array.shape(1) != columns)
    require_shape(array, {rows, columns}, "out");
  return array;
}

FloatArray scatter_chunk(const SlotMap& map, const FloatArray& q, const py::object& out) {
  const auto joints = static_cast<py::ssize_t>(map.joints());
  if (q.ndim() != 2 || q.shape(1) != joints) require_shape(q, {-1, joints}, "q");
  FloatArray slots = target(out, q.shape(0), kSlots);
  map.scatter_rows(view(q), static_cast<std::size_t>(q.shape(0)), mutable_view(slots));
  return slots;
}

FloatArray gather_chunk(const SlotMap& map, const FloatArray& s, const py::object& out) {
  if (s.ndim() != 2 || s.shape(1) != kSlots) require_shape(s, {-1, kSlots}, "s");
  FloatArray q = target(out, s.shape(0), static_cast<py::ssize_t>(map.joints()));
  map.gather_rows(view(s), static_cast<std::size_t>(s.shape(0)), mutable_view(q));
  return q;
}

}  // namespace

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
      .def("scatter_chunk", &scatter_chunk, py::arg("q"), py::arg("out") = py::none())
      .def("gather_chunk", &gather_chunk, py::arg("s"), py::arg("out") = py::none());
}

}  // namespace motorium
