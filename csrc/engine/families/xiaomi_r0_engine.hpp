#pragma once

#include <array>
#include <memory>
#include <span>

#include "engine/denoiser/denoiser.hpp"

namespace motorium {

/// Sizes of the action head of a Xiaomi-Robotics-0 checkpoint.
struct XiaomiR0Config {
  DenoiserConfig dit;              ///< untimed embedding; its lead holds the sink and the rows of the state
  std::size_t state_channels = 1;  ///< of a row of the state

  void check() const;
};

/// The flow transformer of Xiaomi-Robotics-0 over keys and values of its vision-language model.
///
/// Tokens are [sink | state rows | T actions]. All memory is taken by the constructor. encode() and denoise()
/// allocate nothing without a probe, throw nothing, and may be called from any thread; calls wait for one
/// another.
class XiaomiR0Engine {
 public:
  /// Throws std::invalid_argument on a config or tensors that do not fit.
  XiaomiR0Engine(const XiaomiR0Config& config, const Tensors& tensors, const kernels::KernelTable& table,
                 const EngineOptions& options = {});
  ~XiaomiR0Engine();

  struct Observation {
    std::span<const float> keys, values;   ///< (layers, n, kv_heads, head_dim); keys are rotated already
    std::array<std::size_t, 3> positions;  ///< of the sink, on the axes time, height, width
    std::span<const float> state;          ///< (lead - 1, state_channels), raw
    Probe* probe = nullptr;
  };
  DenoiseStatus encode(const Observation& observation) noexcept;

  DenoiseStatus denoise(const Denoiser::Run& call) noexcept;

  const XiaomiR0Config& config() const noexcept;
  std::size_t arena_bytes() const noexcept;
  /// Bytes of weights that all products so far have read; waits for nobody.
  std::uint64_t weight_bytes_read() const noexcept;
  const char* isa() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace motorium
