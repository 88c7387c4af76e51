#include "lean_array.hpp"

namespace motorium {

PyMethodDef lean_method(const char* name, LeanFunction function, const char* doc) {
  // CPython stores every kind of function as one type and casts it back according to the flags.
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)),
          METH_FASTCALL | METH_KEYWORDS, doc};
}

void add_lean_method(pybind11::handle type, PyMethodDef& method) {
  auto* const descriptor = PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), &method);
  if (descriptor == nullptr) throw pybind11::error_already_set();
  type.attr(method.ml_name) = pybind11::reinterpret_steal<pybind11::object>(descriptor);
}

}  // namespace motorium
