#pragma once

#include "engine/cpu/loader.hpp"
#include "engine/denoiser/denoiser_config.hpp"
#include "engine/layers/probe.hpp"

namespace motorium {

/// Manifold-preserving gate of Being-H0.5: pulls action tokens towards a chunk denoised before, in proportion
/// to how far the two distributions already agree.
///
/// With O the action tokens in observation width behind one row of zeros and C the earlier chunk's tokens:
/// o = W_o O, c = mean over rows of LN(W_a C), D = distance of LN(o) to c, g = exp(-D / temperature),
/// tokens = back(O + strength W_e(g o)). D is the sliced Wasserstein distance along given unit directions, or
/// its expectation mean |LN(o) - c|^2 / width.
class ManifoldGate {
 public:
  ManifoldGate(const DenoiserConfig& config, Loader& loader);

  /// Stores the earlier chunk's action tokens (T, width); once per pass.
  void remember(float* tokens) noexcept;

  /// Changes tokens (T, width) in place. directions: (config.gate.directions, gate width), null for the
  /// closed form. Returns g.
  float run(float* tokens, const float* directions, std::size_t call, Probe* probe) noexcept;

 private:
  float distance(const float* directions) noexcept;

  const kernels::KernelTable& table_;
  GateConfig gate_;
  std::size_t rows_, width_;
  Linear to_observation_, to_action_, observation_, action_, enhance_;
  float *suffix_, *projected_, *normed_, *centre_;
};

}  // namespace motorium
