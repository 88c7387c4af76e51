#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bind_kernels.hpp"
#include "denoiser_glue.hpp"
#include "kernels/dispatch.hpp"

namespace motorium {

/// Binds a family's engine: its constructor and what every engine reports. `read` makes the config from a
/// dict.
template <typename Engine, typename Config>
pybind11::class_<Engine> bind_family(pybind11::module_& m, const char* name, const char* doc,
                                     Config (*read)(const pybind11::dict&)) {
  namespace py = pybind11;
  return py::class_<Engine>(m, name, doc)
      .def(py::init([read](const py::dict& config, const std::map<std::string, FloatArray>& tensors,
                           const std::string& isa, OrText<kernels::Precision> precision, std::size_t threads,
                           const std::vector<int>& cpus) {
             return std::make_unique<Engine>(read(config), tensor_views(tensors), kernels::select_table(isa),
                                             EngineOptions{precision.value, threads, cpus});
           }),
           py::arg("config"), py::arg("tensors"), py::arg("isa") = "",
           py::arg("precision") = kernels::Precision::float32, py::arg("threads") = 1,
           py::arg("cpus") = std::vector<int>{})
      .def_property_readonly("isa", [](const Engine& self) { return self.isa(); })
      .def_property_readonly("arena_bytes", [](const Engine& self) { return self.arena_bytes(); })
      .def_property_readonly("weight_bytes_read",
                             [](const Engine& self) { return self.weight_bytes_read(); });
}

/// Token ids of a prompt.
using Ids = pybind11::array_t<std::int32_t, pybind11::array::c_style | pybind11::array::forcecast>;
inline std::span<const std::int32_t> ids_of(const Ids& ids) {
  return {ids.data(), static_cast<std::size_t>(ids.size())};
}

/// Runs `encode` without the GIL; ValueError when it refuses its inputs.
template <typename Encode>
void run_encoder(const Encode& encode) {
  DenoiseStatus status;
  {
    const pybind11::gil_scoped_release release;
    status = encode();
  }
  raise_unless_ok(status);
}

}  // namespace motorium
