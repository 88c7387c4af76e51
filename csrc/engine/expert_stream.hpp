#pragma once

#include <span>
#include <vector>

#include "engine/attention.hpp"
#include "engine/mlp.hpp"
#include "engine/nano_config.hpp"

namespace motorium {

/// What is done: the state token and T action tokens, causal, over the cached prefix.
///
/// The state token and the locked rows never change between Euler steps, and being causal they see nothing
/// that does; so step 0 computes their keys and values and later steps run only the free rows.
class ExpertStream {
 public:
  ExpertStream(const NanoConfig& config, Loader& loader);

  static constexpr std::size_t kMostSteps = 64;

  /// K Euler steps at t = k / K: what the action embedding takes from the time is kept until K changes.
  void set_steps(std::size_t steps) noexcept;

  /// state: normalised state channels; scene: S values. Call before the steps of a new observation.
  void set_state(std::span<const float> state, std::span<const float> scene) noexcept;

  /// Velocity of rows locked..T of x (T, A) into `velocity` (T, A), at step k; step 0 must come first.
  void velocity(const float* x, std::size_t locked, std::size_t step,
                std::span<const kernels::KeyValues> caches, float* velocity) noexcept;

 private:
  void embed_actions(const float* x, std::size_t first, std::size_t locked, std::size_t step) noexcept;
  void time_term(double t, float* out) noexcept;

  const kernels::KernelTable& table_;
  std::size_t rows_, width_, channels_, prefix_tokens_;
  float eps_;
  Linear state_fc1_, state_fc2_, scene_embed_, action_in_, action_time_, action_out_, out_fc1_, out_fc2_;
  const float *position_, *out_norm_;
  std::vector<Attention> attention_;
  std::vector<Mlp> shared_;
  std::vector<RoutedMlp> routed_;
  Attention::Scratch scratch_;
  float *state_, *x_, *embedded_, *hidden_, *sinusoid_, *time_steps_, *time_done_;
  std::size_t steps_ = 0;
};

}  // namespace motorium
