#pragma once

#include <span>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/family_engine.hpp"

namespace motorium {

/// Sizes of an X-VLA checkpoint.
struct XvlaConfig {
  DenoiserConfig head;  ///< domain embedding, full mask; its tail holds all features and soft prompts
  std::size_t feature_width = 1;  ///< of the vision-language features
  std::size_t soft_prompts = 0;   ///< tokens per domain
  std::size_t positions = 1;      ///< rows of the position table

  void check() const;
};

/// The soft-prompted transformer of X-VLA, starting from the features of its vision-language encoder.
///
/// Tokens are [T actions | features | views 1.. | soft prompts]; attention is bidirectional, so no keys are
/// cached between steps, but the projections and positions of all tokens except the actions are.
class XvlaEngine : public FamilyEngine<XvlaConfig> {
 public:
  XvlaEngine(const XvlaConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
             const EngineOptions& options = {});

  /// features: (n, feature_width) of the language encoder; views: (m, feature_width) of the other views.
  DenoiseStatus encode(std::span<const float> features, std::span<const float> views, std::size_t domain,
                       Probe* probe) noexcept;

  /// call.context is proprio; call.domain must be the one given to encode().
  DenoiseStatus denoise(Denoiser::Run call) noexcept;

 private:
  void project(const Linear& linear, std::span<const float> from, std::size_t place) noexcept;

  Denoiser head_;
  Linear features_, views_;
  const float *position_, *soft_;
  float* proprio_;
  std::size_t domain_ = 0;
};

}  // namespace motorium
