#pragma once

#include "bindings/arrays.hpp"

/// Bindings for calls shorter than pybind11's own overhead: CPython's fast calling convention on a pybind11
/// class, and arrays used in place. Everything else is left to pybind11's conversions.
namespace motorium {

/// Arguments as CPython passes them; `names` are those of the last ones.
struct LeanCall {
  PyObject* const* args;
  Py_ssize_t positional;
  PyObject* names;

  Py_ssize_t named() const { return names == nullptr ? 0 : PyTuple_GET_SIZE(names); }
  bool is_named(Py_ssize_t i, const char* name) const {
    return PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), name) == 0;
  }
};

/// A float32 array in C order with two axes, if the object is one.
class LeanArray {
 public:
  explicit LeanArray(PyObject* object) {
    using pybind11::detail::npy_api;
    static const npy_api& numpy = npy_api::get();
    static const pybind11::dtype kind = pybind11::dtype::of<float>();  // numpy keeps one object of it
    if (object == nullptr || !numpy.PyArray_Check_(object)) return;
    array_ = pybind11::detail::array_proxy(object);
    constexpr int kNeeded = npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_ALIGNED_;
    usable_ = array_->descr == kind.ptr() && array_->nd == 2 && (array_->flags & kNeeded) == kNeeded;
  }

  bool usable() const { return usable_; }
  bool writeable() const { return (array_->flags & pybind11::detail::npy_api::NPY_ARRAY_WRITEABLE_) != 0; }
  Py_ssize_t rows() const { return array_->dimensions[0]; }
  bool is(Py_ssize_t rows, Py_ssize_t columns) const {
    return array_->dimensions[0] == rows && array_->dimensions[1] == columns;
  }
  float* data() const { return reinterpret_cast<float*>(array_->data); }

 private:
  const pybind11::detail::PyArray_Proxy* array_ = nullptr;
  bool usable_ = false;
};

/// Returns the C++ object of a call; the method descriptor has checked its class.
template <typename T>
const T& lean_self(PyObject* self) {
  auto* const instance = reinterpret_cast<pybind11::detail::instance*>(self);
  if (instance->simple_layout && instance->simple_holder_constructed)
    return *static_cast<const T*>(instance->simple_value_holder[0]);
  // A class with several bases, or an object whose __init__ never ran.
  const auto held = instance->get_value_and_holder(pybind11::detail::get_type_info(typeid(T)));
  if (!held.holder_constructed()) throw pybind11::type_error("__init__() of the base class never ran");
  return *static_cast<const T*>(held.value_ptr());
}

/// Runs `body`; turns what it throws into the Python error that pybind11 would raise.
template <typename Body>
PyObject* lean_guard(Body&& body) noexcept {
  try {
    return body();
  } catch (pybind11::error_already_set& error) {
    error.restore();
  } catch (const pybind11::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

using LeanFunction = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*) noexcept;

PyMethodDef lean_method(const char* name, LeanFunction function, const char* doc);

/// `method` must live as long as the interpreter.
void add_lean_method(pybind11::handle type, PyMethodDef& method);

}  // namespace motorium
