#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/being_h05_config.hpp"
#include "engine/families/being_h05_prefix.hpp"
#include "engine/families/family_engine.hpp"
#include "engine/families/intern_vit.hpp"

namespace motorium {

/// Runs Being-H0.5: InternViT, connector and Qwen3 once per observation, then K Euler steps of the action
/// expert over their cached keys and values. The reference recomputes everything at every step; since it is
/// causal, the numbers are the same.
///
/// The constructor allocates all memory. encode() and denoise() allocate only with a probe, never throw, and
/// may be called from any thread; calls wait for one another.
class BeingH05Engine : public FamilyEngine<BeingH05Config> {
 public:
  /// Throws std::invalid_argument for an invalid config or tensor.
  BeingH05Engine(const BeingH05Config& config, const Tensors& tensors, const kernels::KernelTable& table,
                 const EngineOptions& options = {});

  struct Observation {
    std::span<const float> pixels;         ///< (views, 3, image, image), normalised
    std::span<const std::int32_t> prompt;  ///< tokens before the actions, in order
    std::span<const float> state;          ///< (slots), normalised
    std::span<const std::int32_t> behind;  ///< token ids after the actions; used only with a probe
    Probe* probe = nullptr;
  };
  DenoiseStatus encode(const Observation& observation) noexcept;

  /// Committed rows, noise and result are normalised, as the denoiser takes them.
  DenoiseStatus denoise(const Denoiser::Run& call) noexcept;

 private:
  DenoiseStatus check(const Observation& observation, std::size_t& views) const noexcept;

  InternVit vit_;
  Denoiser expert_;
  BeingH05Prefix prefix_;
  Linear state_fc1_, state_fc2_;
  float *images_, *state_hidden_, *state_;
  std::vector<std::int32_t> behind_;  // only with a probe
  std::size_t behind_key_ = 0;
};

}  // namespace motorium
