#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/enums.hpp"

namespace motorium {

/// Returns a value as in `as_dict`: texts and numbers instead of enums, dicts instead of structs.
inline pybind11::object plain(const pybind11::object& value) {
  namespace py = pybind11;
  static const py::handle kEnum = py::object(py::module_::import("enum").attr("Enum")).release();
  static const py::handle kTextFlag =
      py::object(py::module_::import("motorium.deprecated").attr("TextFlag")).release();
  if (py::isinstance(value, kTextFlag)) return py::str(value);
  if (py::isinstance(value, kEnum)) return value.attr("value");
  if (py::hasattr(value, "as_dict")) return value.attr("as_dict")();
  if (!py::isinstance<py::list>(value)) return value;
  py::list out;
  for (const py::handle one : value) out.append(plain(py::reinterpret_borrow<py::object>(one)));
  return out;
}

/// A Python class of read-only values, each with its unit in its name and a docstring. Can also be read like
/// a dict, with a warning, as in 0.1.0.
template <class T, class... Bases>
class BoundStruct {
 public:
  BoundStruct(pybind11::module_& m, const char* name, const char* doc) : bound_(m, name, doc) {
    if constexpr (sizeof...(Bases) > 0)
      for (const pybind11::handle one : bound_.attr("fields")) names_.append(one);
  }

  template <class Get>
  BoundStruct& field(const char* name, Get get, const char* doc) {
    if constexpr (std::is_member_object_pointer_v<Get>) {
      bound_.def_property_readonly(name, [get](const T& self) { return self.*get; }, doc);
    } else {
      bound_.def_property_readonly(name, get, doc);
    }
    names_.append(name);
    return *this;
  }

  /// Call after the last field.
  pybind11::class_<T, Bases...> finish() {
    namespace py = pybind11;
    bound_.attr("fields") = py::tuple(names_);
    bound_.def(
        "as_dict",
        [](const py::object& self) {
          py::dict out;
          for (const py::handle name : self.attr("fields")) out[name] = plain(self.attr(name));
          return out;
        },
        "Plain values for JSON, by the names of the fields.");
    bound_.def("__repr__", [](const py::object& self) {
      std::string text;
      for (const py::handle name : self.attr("fields"))
        text.append(text.empty() ? "" : ", ")
            .append(py::str(name).cast<std::string>() + "=" + py::repr(self.attr(name)).cast<std::string>());
      return py::str(py::type::of(self).attr("__name__")).cast<std::string>() + "(" + text + ")";
    });
    py::module_::import("motorium.deprecated").attr("dict_access")(bound_);
    return bound_;
  }

 private:
  pybind11::class_<T, Bases...> bound_;
  pybind11::list names_;
};

}  // namespace motorium
