#pragma once

#include <array>
#include <span>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/family_engine.hpp"

namespace motorium {

/// Sizes of the action head of a Xiaomi-Robotics-0 checkpoint.
struct XiaomiR0Config {
  DenoiserConfig dit;              ///< untimed embedding; its lead holds the sink and the state rows
  std::size_t state_channels = 1;  ///< of a row of the state

  void check() const;
};

/// Runs the flow transformer of Xiaomi-Robotics-0 over keys and values of its vision-language model.
///
/// Tokens are [sink | state rows | T actions]. The constructor allocates all memory. encode() and denoise()
/// allocate only with a probe, never throw, and may be called from any thread; calls wait for one another.
class XiaomiR0Engine : public FamilyEngine<XiaomiR0Config> {
 public:
  /// Throws std::invalid_argument for an invalid config or tensor.
  XiaomiR0Engine(const XiaomiR0Config& config, const Tensors& tensors, const kernels::KernelTable& table,
                 const EngineOptions& options = {});

  struct Observation {
    std::span<const float> keys, values;   ///< (layers, n, kv_heads, head_dim); keys are already rotated
    std::array<std::size_t, 3> positions;  ///< of the sink, on the axes time, height, width
    std::span<const float> state;          ///< (lead - 1, state_channels), raw
    Probe* probe = nullptr;
  };
  DenoiseStatus encode(const Observation& observation) noexcept;

  DenoiseStatus denoise(const Denoiser::Run& call) noexcept;

 private:
  Denoiser dit_;
  Linear fc1_, fc2_;  // of the state
  float* hidden_;
};

}  // namespace motorium
