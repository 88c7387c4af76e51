#pragma once

#include <pybind11/pybind11.h>

#include "robot/interrupt.hpp"

namespace motorium {

/// Runs Python's signal handlers, in the main thread. True when one of them raised.
inline bool python_interrupt() {
  const pybind11::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

/// Calls `request()`, which waits with `python_interrupt`, without the GIL. Raises what a signal handler
/// raised meanwhile.
template <class Request>
auto waiting(Request request) {
  try {
    const pybind11::gil_scoped_release release;
    return request();
  } catch (const Interrupted&) {
    throw pybind11::error_already_set();
  }
}

}  // namespace motorium
