#pragma once

#include <pybind11/pybind11.h>

namespace motorium {

void bind_enums(pybind11::module_& m);
void bind_stats(pybind11::module_& m);
void bind_states(pybind11::module_& m);
void bind_bus(pybind11::module_& m);
void bind_service_bus(pybind11::module_& m);
void bind_emulated_models(pybind11::module_& m);
void bind_runtime(pybind11::module_& m);
void bind_engine(pybind11::module_& m);
void bind_old_names(pybind11::module_& m);
void bind_denoiser(pybind11::module_& m);
void bind_families(pybind11::module_& m);
void bind_florence(pybind11::module_& m);
void bind_kernels(pybind11::module_& m);

}  // namespace motorium
