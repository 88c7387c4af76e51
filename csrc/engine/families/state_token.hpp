#pragma once

#include <span>

#include "engine/cpu/loader.hpp"
#include "engine/denoiser/denoiser_config.hpp"
#include "engine/families/nano_config.hpp"

namespace motorium {

/// Makes the token before the actions: joint state, and what was read out of the scene.
class StateToken {
 public:
  StateToken(const NanoConfig& config, Loader& loader);

  /// state: normalised state channels; scene: S values; out: expert_width floats.
  void run(std::span<const float> state, std::span<const float> scene, float* out) noexcept;

 private:
  const kernels::KernelTable& table_;
  std::size_t width_;
  Linear fc1_, fc2_, scene_;
  float* hidden_;
};

/// The expert stream of a nano checkpoint: causal, routed above the shared layers, over the prefix's cached
/// K/V.
DenoiserConfig expert_config(const NanoConfig& config);

/// Returns the slots of the action channels, in order.
std::vector<std::uint32_t> action_slots(const NanoConfig& config);

/// What both streams of a nano checkpoint have in common.
BlockConfig nano_block(const NanoConfig& config, std::size_t width, std::size_t mlp);

}  // namespace motorium
