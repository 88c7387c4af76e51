#pragma once

#include <pybind11/stl.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "arrays.hpp"
#include "engine/denoiser/denoiser.hpp"

namespace motorium {

/// Returns a value of a config; raises KeyError naming the key.
template <typename T>
T required(const pybind11::dict& table, const char* key) {
  if (!table.contains(key)) throw pybind11::key_error(key);
  return table[key].cast<T>();
}

/// Sets `value` where the config has the key.
template <typename T>
void optional(const pybind11::dict& table, const char* key, T& value) {
  if (table.contains(key)) value = table[key].cast<T>();
}

/// Reads a block's config. Keys are the names of the struct's fields, enumerations their names as text. An
/// unknown key raises ValueError, so that a misspelt option is noticed.
BlockConfig read_block(const pybind11::dict& table);
DenoiserConfig read_denoiser(const pybind11::dict& table);

Tensors tensor_views(const std::map<std::string, FloatArray>& tensors);

void raise_unless_ok(DenoiseStatus status);

/// Records every value of a run as (stream, what, index, array), in order. A run writes without the GIL while
/// another thread may take.
class Recorder final : public Probe {
 public:
  void see(const char* stream, const char* what, std::size_t index, const ConstRows& rows,
           std::size_t width) noexcept override;
  pybind11::list take();

 private:
  struct Seen {
    std::string stream, what;
    std::size_t index, rows, width;
    std::vector<float> values;
  };
  std::mutex busy_;
  std::vector<Seen> seen_;
};

/// The arguments of Denoiser::Run that all engines share.
struct RunArguments {
  FloatArray noise;  ///< (1 + R, T, channels), or (T, channels)
  std::optional<FloatArray> committed;
  std::size_t steps;
  std::optional<FloatArray> directions;
  std::optional<FloatArray> previous = std::nullopt;  ///< (G, channels), with a pull of each row
  std::optional<FloatArray> pull = std::nullopt;      ///< (G)
  float pull_limit = 5.0f;
  std::optional<FloatArray> mask = std::nullopt;  ///< (T, channels)
};

/// Calls run(call) without the GIL and returns (T, channels).
template <typename Engine>
FloatArray run_denoiser(const Engine& engine, const DenoiserConfig& config, const RunArguments& arguments,
                        const std::optional<FloatArray>& context, std::size_t domain, Probe* probe) {
  FloatArray out(
      {static_cast<pybind11::ssize_t>(config.rows), static_cast<pybind11::ssize_t>(config.channels)});
  const std::size_t values = config.rows * config.channels;
  const auto given = static_cast<std::size_t>(arguments.noise.size());
  Denoiser::Run call{view(arguments.noise), {}, arguments.steps, mutable_view(out)};
  if (arguments.committed) call.committed = view(*arguments.committed);
  if (context) call.context = view(*context);
  if (arguments.directions) call.directions = view(*arguments.directions);
  if (arguments.previous) call.guidance.rows = view(*arguments.previous);
  if (arguments.pull) call.guidance.weights = view(*arguments.pull);
  call.guidance.limit = arguments.pull_limit;
  if (arguments.mask) call.mask = view(*arguments.mask);
  call.domain = domain;
  call.refinements = given >= values ? given / values - 1 : 0;
  call.probe = probe;
  DenoiseStatus status;
  {
    const pybind11::gil_scoped_release release;
    status = engine(call);
  }
  raise_unless_ok(status);
  return out;
}

}  // namespace motorium
