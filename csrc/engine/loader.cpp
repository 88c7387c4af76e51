#include "engine/loader.hpp"

#include <algorithm>
#include <stdexcept>

#include "kernels/pack.hpp"

namespace motorium {
namespace {

template <typename Sizes>
std::string show(const Sizes& shape) {
  std::string text = "(";
  for (std::size_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + ")";
}

}  // namespace

const float* Loader::raw(const std::string& name, Shape shape) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw std::invalid_argument("tensor " + name + " is missing");
  const TensorView& tensor = found->second;
  if (!std::equal(tensor.shape.begin(), tensor.shape.end(), shape.begin(), shape.end())) {
    throw std::invalid_argument("tensor " + name + " has shape " + show(tensor.shape) + ", expected " +
                                show(shape));
  }
  return tensor.data;
}

float* Loader::copy(const std::string& name, Shape shape) {
  const float* source = raw(name, shape);
  std::size_t count = 1;
  for (std::size_t size : shape) count *= size;
  float* target = arena_.floats(count);
  std::copy(source, source + count, target);
  return target;
}

Linear Loader::packed(const float* weights, const float* bias, std::size_t n, std::size_t k) {
  float* panels = arena_.floats(kernels::packed_floats(n, k, table_.lanes));
  kernels::pack_rows(weights, n, k, table_.lanes, panels);
  float* packed_bias = nullptr;
  if (bias != nullptr) {
    packed_bias = arena_.floats(kernels::packed_floats(n, 1, table_.lanes));
    kernels::pack_rows(bias, n, 1, table_.lanes, packed_bias);
  }
  return {panels, packed_bias, n, k};
}

Linear Loader::linear(const std::string& name, std::size_t n, std::size_t k, bool bias) {
  return packed(raw(name + ".weight", {n, k}), bias ? raw(name + ".bias", {n}) : nullptr, n, k);
}

Linear Loader::stacked(std::initializer_list<std::string> names, std::size_t n, std::size_t k) {
  std::vector<float> weights;
  for (const std::string& name : names) {
    const float* part = raw(name + ".weight", {n, k});
    weights.insert(weights.end(), part, part + n * k);
  }
  return packed(weights.data(), nullptr, names.size() * n, k);
}

Linear Loader::convolution(const std::string& name, std::size_t out, std::size_t in, std::size_t kernel) {
  const float* weights = raw(name + ".weight", {out, in, kernel, kernel});
  const std::size_t taps = kernel * kernel;
  std::vector<float> channels_last(out * taps * in);
  for (std::size_t o = 0; o < out; ++o) {
    for (std::size_t i = 0; i < in; ++i) {
      for (std::size_t tap = 0; tap < taps; ++tap) {
        channels_last[(o * taps + tap) * in + i] = weights[(o * in + i) * taps + tap];
      }
    }
  }
  return packed(channels_last.data(), raw(name + ".bias", {out}), out, taps * in);
}

Linear Loader::gated(const float* gate, const float* up, std::size_t n, std::size_t k) {
  float* panels = arena_.floats(kernels::packed_gated_floats(n, k, table_.lanes));
  kernels::pack_gated(gate, up, n, k, table_.lanes, panels);
  return {panels, nullptr, n, k};
}

}  // namespace motorium
