#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "arrays.hpp"
#include "enums.hpp"
#include "kernels/dispatch.hpp"

namespace motorium {

using Floats = FloatArray;
using Indices = pybind11::array_t<std::uint32_t, pybind11::array::c_style | pybind11::array::forcecast>;
using Maybe = std::optional<Floats>;

inline std::size_t size(const pybind11::array& array, pybind11::ssize_t axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

inline const float* data(const Maybe& array) { return array ? array->data() : nullptr; }

inline void require(bool holds, const char* what) {
  if (!holds) throw pybind11::value_error(what);
}

inline Floats empty(std::initializer_list<std::size_t> shape) {
  return Floats(std::vector<pybind11::ssize_t>(shape.begin(), shape.end()));
}

inline Floats copy(const Floats& x) {
  Floats y(std::vector<pybind11::ssize_t>(x.shape(), x.shape() + x.ndim()));
  std::copy(x.data(), x.data() + x.size(), y.mutable_data());
  return y;
}

template <>
struct Texts<kernels::Precision> {
  static constexpr std::array<std::string_view, 3> all{"float32", "bfloat16", "int8"};
};

/// Products: matrix, convolution, attention.
void bind_kernel_products(pybind11::module_& m);

/// Images, slots, and rows converted for the products.
void bind_kernel_data(pybind11::module_& m);

/// What the machine can do, and how long products take.
void bind_kernel_speed(pybind11::module_& m);

}  // namespace motorium

MOTORIUM_ENUM_CASTER(motorium::kernels::Precision, "Precision");
