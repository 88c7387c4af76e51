#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <span>
#include <string>
#include <vector>

namespace motorium {

/// float32, C order; other layouts and types are converted.
using FloatArray = pybind11::array_t<float, pybind11::array::c_style | pybind11::array::forcecast>;

inline std::span<const float> view(const FloatArray& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

inline std::span<float> mutable_view(FloatArray& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

inline std::string shape_text(const std::vector<pybind11::ssize_t>& shape) {
  std::string text = "(";
  for (const pybind11::ssize_t extent : shape)
    text.append(extent < 0 ? "any" : std::to_string(extent)).append(",");
  return text.append(")");
}

/// Raises ValueError unless `array` has the given shape; a negative extent accepts any.
inline void require_shape(const FloatArray& array, const std::vector<pybind11::ssize_t>& shape,
                          const char* name) {
  const std::vector<pybind11::ssize_t> got(array.shape(), array.shape() + array.ndim());
  bool same = got.size() == shape.size();
  for (std::size_t i = 0; same && i < shape.size(); ++i) same = shape[i] < 0 || got[i] == shape[i];
  if (same) return;
  throw pybind11::value_error(std::string(name)
                                  .append(" must have shape ")
                                  .append(shape_text(shape))
                                  .append(", not ")
                                  .append(shape_text(got)));
}

}  // namespace motorium
