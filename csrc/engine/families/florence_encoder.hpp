#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/davit.hpp"
#include "engine/families/family_engine.hpp"
#include "engine/families/florence_config.hpp"

namespace motorium {

/// The vision-language encoder of X-VLA: DaViT per view, BART over the first view and the text.
class FlorenceEncoder : public FamilyEngine<FlorenceConfig> {
 public:
  FlorenceEncoder(const FlorenceConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
                  const EngineOptions& options = {});

  struct Observation {
    std::span<const float> pixels;        ///< (views, 3, image, image), normalised
    std::span<const std::uint8_t> valid;  ///< (views): 0: zeros in place of a view's tokens
    std::span<const std::int32_t> ids;    ///< (n) text, including padding, which is attended to
    std::span<float> features;            ///< out: (view_tokens + n, text width)
    std::span<float> views;               ///< out: ((views - 1) * view_tokens, text width)
    Probe* probe = nullptr;
  };
  /// Allocates nothing without a probe.
  DenoiseStatus encode(const Observation& observation) noexcept;

 private:
  void load_image(std::size_t channels, std::size_t width);
  void encode_view(const float* pixels, std::size_t view, float* out, Probe* probe) noexcept;
  void encode_text(std::span<const std::int32_t> ids, float* x, Probe* probe) noexcept;

  Davit davit_;
  Linear projection_;
  NormLayer image_norm_, text_norm_;
  const float *row_, *column_, *temporal_, *embedding_, *position_;
  std::vector<Block> blocks_;
  RopeTable rope_;  // stays empty: positions are learnt
  kernels::KeyValues cache_{};
  Block::Scratch scratch_{};
  kernels::VisibleKeys* visible_;
  float* tokens_;
};

}  // namespace motorium
