// What the engines' bindings share at run time: tensors in, status to exception, recorded values out.
#include <algorithm>

#include "denoiser_glue.hpp"

namespace py = pybind11;

namespace motorium {

Tensors tensor_views(const std::map<std::string, FloatArray>& tensors) {
  Tensors views;
  for (const auto& [name, array] : tensors)
    views[name] = {array.data(), {array.shape(), array.shape() + array.ndim()}};
  return views;
}

void raise_unless_ok(DenoiseStatus status) {
  if (status != DenoiseStatus::ok) throw py::value_error(describe(status));
}

void Recorder::see(const char* stream, const char* what, std::size_t index, const ConstRows& rows,
                   std::size_t width) noexcept {
  const std::lock_guard<std::mutex> lock(busy_);
  Seen& seen = seen_.emplace_back(Seen{stream, what, index, rows.count, width, {}});
  for (std::size_t row = 0; row < rows.count; ++row)
    seen.values.insert(seen.values.end(), rows.data + row * rows.stride,
                       rows.data + row * rows.stride + width);
}

py::list Recorder::take() {
  std::vector<Seen> taken;
  {
    const std::lock_guard<std::mutex> lock(busy_);
    taken.swap(seen_);
  }
  py::list result;
  for (const Seen& seen : taken) {
    FloatArray array({static_cast<py::ssize_t>(seen.rows), static_cast<py::ssize_t>(seen.width)});
    std::copy(seen.values.begin(), seen.values.end(), array.mutable_data());
    result.append(py::make_tuple(seen.stream, seen.what, seen.index, array));
  }
  return result;
}

}  // namespace motorium
