#include "engine/cpu/loader.hpp"

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

/// Allowance beyond a multiple of the network's weights, for caches and activations.
constexpr std::size_t kSlack = std::size_t{256} << 20;
constexpr std::size_t kMultiple = 8;
constexpr std::size_t kStandIns = std::size_t{16} << 20;  ///< floats; a list that needs more ends the load

std::size_t count_of(Loader::Shape shape) {
  std::size_t count = 1;
  for (const std::size_t size : shape)
    if (__builtin_mul_overflow(count, size, &count)) throw std::invalid_argument("a tensor's size overflows");
  return count;
}

}  // namespace

Loader::Loader(const kernels::KernelTable& table, const Tensors& tensors, Arena& arena,
               const EngineOptions& options)
    : table_(table),
      tensors_(tensors),
      arena_(arena),
      workspace_(arena.make<Workspace>(options.threads, options.cpus)),
      precision_(options.precision) {
  std::size_t floats = 0;
  for (const auto& [name, tensor] : tensors) {
    std::size_t count = 1;
    for (const std::size_t size : tensor.shape) count *= size;
    floats += count;
  }
  arena.allow(kMultiple * sizeof(float) * floats + kSlack);
}

const float* Loader::raw(const std::string& name, Shape shape) {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) {
    const TensorView& tensor = found->second;
    if (std::equal(tensor.shape.begin(), tensor.shape.end(), shape.begin(), shape.end())) return tensor.data;
    problems_.push_back("tensor " + name + " has shape " + show(tensor.shape) + ", expected " + show(shape));
  } else {
    problems_.push_back("tensor " + name + " is missing, expected " + show(shape));
  }
  const std::size_t count = count_of(shape);
  if (count > kStandIns - stand_in_floats_) finish();  // take no memory for what is merely claimed
  stand_in_floats_ += count;
  return stand_ins_.emplace_back(count, 0.0f).data();
}

void Loader::finish() const {
  if (problems_.empty()) return;
  std::string text;
  for (const std::string& problem : problems_) text += (text.empty() ? "" : "; ") + problem;
  throw std::invalid_argument(text);
}

float* Loader::copy(const std::string& name, Shape shape) {
  const float* source = raw(name, shape);
  const std::size_t count = count_of(shape);
  float* target = arena_.floats(count);
  std::copy(source, source + count, target);
  return target;
}

Linear Loader::pack(const float* weights, const float* up, std::size_t n, std::size_t k,
                    Precision precision) {
  const kernels::Weights source{weights, up, n, k};
  std::byte* panels =
      arena_.raw(kernels::panel_count(table_, source) * kernels::panel_bytes(table_, precision, k));
  kernels::pack(table_, precision, source, panels);
  if (kernels::format_of(table_, precision).input_bytes > 0 && k > workspace_.inputs) {
    // Room for the widest rows; memory taken for narrower ones stays unused.
    workspace_.inputs = k;
    workspace_.converted =
        arena_.raw(Workspace::kRows * kernels::converted_stride(k) * sizeof(std::uint16_t));
    workspace_.converted_scale = arena_.floats(Workspace::kRows);
  }
  return {panels, nullptr, n, k, precision, &workspace_};
}

Linear Loader::packed(const float* weights, const float* bias, std::size_t n, std::size_t k,
                      Precision precision) {
  Linear linear = pack(weights, nullptr, n, k, precision);
  if (bias != nullptr) {
    float* packed_bias = arena_.floats(kernels::packed_floats(n, 1, table_.lanes));
    kernels::pack_rows(bias, n, 1, table_.lanes, packed_bias);
    linear.bias = packed_bias;
  }
  return linear;
}

Linear Loader::linear(const std::string& name, std::size_t n, std::size_t k, bool bias) {
  return packed(raw(name + ".weight", {n, k}), bias ? raw(name + ".bias", {n}) : nullptr, n, k, precision_);
}

Linear Loader::exact(const std::string& name, std::size_t n, std::size_t k, bool bias) {
  return packed(raw(name + ".weight", {n, k}), bias ? raw(name + ".bias", {n}) : nullptr, n, k);
}

Linear Loader::stacked(std::initializer_list<Part> parts, std::size_t k, bool bias) {
  std::vector<float> weights, biases;
  std::size_t total = 0;
  for (const auto& [name, n] : parts) {
    const float* part = raw(name + ".weight", {n, k});
    weights.insert(weights.end(), part, part + n * k);
    total += n;
    if (!bias) continue;
    const float* part_bias = raw(name + ".bias", {n});
    biases.insert(biases.end(), part_bias, part_bias + n);
  }
  return packed(weights.data(), bias ? biases.data() : nullptr, total, k, precision_);
}

Linear Loader::scaled(const std::string& name, std::size_t n, std::size_t k, bool bias,
                      const std::string& factors) {
  const float* factor = raw(factors, {n});
  const float* weights = raw(name + ".weight", {n, k});
  std::vector<float> scaled_weights(weights, weights + n * k);
  for (std::size_t i = 0; i < n * k; ++i) scaled_weights[i] *= factor[i / k];
  if (!bias) return packed(scaled_weights.data(), nullptr, n, k, precision_);
  const float* offsets = raw(name + ".bias", {n});
  std::vector<float> scaled_bias(offsets, offsets + n);
  for (std::size_t i = 0; i < n; ++i) scaled_bias[i] *= factor[i];
  return packed(scaled_weights.data(), scaled_bias.data(), n, k, precision_);
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
  return pack(gate, up, n, k, precision_);
}

}  // namespace motorium
