#include <pybind11/stl.h>

#include "bindings/bind_runtime.hpp"
#include "bindings/lean_array.hpp"
#include "robot/slot_map.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

/// One direction of a chunk: input, output and call.
struct Direction {
  const char* name;
  const char* input;
  bool scatter;
};
constexpr Direction kScatter{"scatter_chunk", "q", true}, kGather{"gather_chunk", "s", false};

template <const Direction& D>
py::ssize_t columns_in(const SlotMap& map) {
  return D.scatter ? static_cast<py::ssize_t>(map.joints()) : py::ssize_t{kSlots};
}

template <const Direction& D>
py::ssize_t columns_out(const SlotMap& map) {
  return D.scatter ? py::ssize_t{kSlots} : static_cast<py::ssize_t>(map.joints());
}

template <const Direction& D>
void convert(const SlotMap& map, const float* in, py::ssize_t rows, float* out) {
  const auto n = static_cast<std::size_t>(rows);
  const std::span<const float> from(in, n * static_cast<std::size_t>(columns_in<D>(map)));
  const std::span<float> to(out, n * static_cast<std::size_t>(columns_out<D>(map)));
  if (from.data() < to.data() + to.size() && to.data() < from.data() + from.size())
    throw py::value_error(std::string("out must not overlap ").append(D.input));
  D.scatter ? map.scatter_rows(from, n, to) : map.gather_rows(from, n, to);
}

/// Returns `out` itself, which must be the caller's own array (float32, C order), or a new one.
FloatArray target(PyObject* out, py::ssize_t rows, py::ssize_t columns) {
  if (out == nullptr || out == Py_None) return FloatArray({rows, columns});
  if (!FloatArray::check_(out)) throw py::type_error("out must be a float32 array in C order");
  auto array = py::reinterpret_borrow<FloatArray>(out);
  require_shape(array, {rows, columns}, "out");
  if (!array.writeable()) throw py::value_error("out is read-only");
  return array;
}

/// Handles everything that is not float32 in C order already, and every error.
template <const Direction& D>
PyObject* convert_any(const SlotMap& map, PyObject* in, PyObject* out) {
  const FloatArray source = FloatArray::ensure(in);
  if (!source) throw py::type_error(std::string(D.input).append(" must be an array of numbers"));
  require_shape(source, {-1, columns_in<D>(map)}, D.input);
  FloatArray result = target(out, source.shape(0), columns_out<D>(map));
  convert<D>(map, source.data(), source.shape(0), result.mutable_data());
  return result.release().ptr();
}

/// Reads both arguments, by position or by name; takes no reference.
template <const Direction& D>
void parse(const LeanCall& call, PyObject*& in, PyObject*& out) {
  if (call.positional > 2) throw py::type_error(std::string(D.name).append("() takes at most 2 arguments"));
  PyObject* found[2] = {call.positional > 0 ? call.args[0] : nullptr,
                        call.positional > 1 ? call.args[1] : nullptr};
  for (py::ssize_t i = 0; i < call.named(); ++i) {
    const bool second = call.is_named(i, "out");
    if ((!second && !call.is_named(i, D.input)) || found[second] != nullptr)
      throw py::type_error(std::string(D.name).append("(): ").append(D.input).append(" and out, each once"));
    found[second] = call.args[call.positional + i];
  }
  if (found[0] == nullptr) throw py::type_error(std::string(D.name).append("() needs ").append(D.input));
  in = found[0];
  out = found[1];
}

/// Converts a chunk in a fraction of a microsecond, using arrays in place where no conversion is needed.
/// pybind11's usual path costs ten times the work itself.
template <const Direction& D>
PyObject* chunk(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* names) noexcept {
  return lean_guard([&] {
    const SlotMap& map = lean_self<SlotMap>(self);
    PyObject *in = nullptr, *out = nullptr;
    parse<D>({args, nargs, names}, in, out);
    const LeanArray source(in), result(out);
    const py::ssize_t rows = source.usable() ? source.rows() : -1;
    if (rows < 0 || !source.is(rows, columns_in<D>(map)) || !result.usable() || !result.writeable() ||
        !result.is(rows, columns_out<D>(map)))
      return convert_any<D>(map, in, out);
    convert<D>(map, source.data(), rows, result.data());
    Py_INCREF(out);
    return out;
  });
}

}  // namespace

void bind_slot_map(py::module_& m) {
  m.attr("SLOTS") = kSlots;
  py::class_<SlotMap> type(m, "SlotMap",
                           "Robot joints (radians) <-> unified slots: slot = scale * q + offset.");
  type.def(py::init<std::vector<std::uint32_t>, std::vector<float>, std::vector<float>>(), py::arg("slots"),
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
          py::arg("s"));
  static PyMethodDef methods[] = {
      lean_method(kScatter.name, &chunk<kScatter>, "scatter_chunk(q, out=None): (T, J) -> (T, 200)."),
      lean_method(kGather.name, &chunk<kGather>, "gather_chunk(s, out=None): (T, 200) -> (T, J)."),
  };
  for (PyMethodDef& method : methods) add_lean_method(type, method);
}

}  // namespace motorium
