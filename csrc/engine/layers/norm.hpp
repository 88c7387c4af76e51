#pragma once

#include <string>

#include "engine/cpu/loader.hpp"
#include "engine/layers/block_config.hpp"

namespace motorium {

/// torch.nn.LayerNorm's default `eps`.
inline constexpr float kLayerNormEps = 1e-5f;

/// RMS or layer normalisation with its weights.
class NormLayer {
 public:
  NormLayer() = default;
  /// Reads `name`.weight, and `name`.bias for a layer norm.
  NormLayer(const std::string& name, Norm kind, std::size_t width, float eps, Loader& loader)
      : kind_(kind), width_(width), eps_(eps), weight_(loader.copy(name + ".weight", {width})) {
    if (kind == Norm::layer) bias_ = loader.copy(name + ".bias", {width});
  }

  /// y may be x.
  void run(const kernels::KernelTable& table, const ConstRows& x, const Rows& y) const noexcept {
    if (kind_ == Norm::rms) {
      table.f32_normalise_rms({x.data, x.stride, y.data, y.stride, x.count, 1, width_, weight_, eps_});
    } else {
      table.f32_normalise_layer({x.data, x.stride, y.data, y.stride, x.count, width_, weight_, bias_, eps_});
    }
  }

 private:
  Norm kind_ = Norm::rms;
  std::size_t width_ = 0;
  float eps_ = 0.0f;
  const float* weight_ = nullptr;
  const float* bias_ = nullptr;
};

}  // namespace motorium
