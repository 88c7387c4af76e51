#pragma once

#include "engine/cpu/loader.hpp"
#include "engine/families/nano_config.hpp"

namespace motorium {

/// Height and width of the image, and after each convolution that changes them: k6 s4 p1, k3 s2 p1, k3 s2 p1.
struct VisionSizes {
  std::size_t height[4], width[4];
};
VisionSizes vision_sizes(const NanoView& view) noexcept;

/// Encodes one view: three convolutions with group normalisation, the third one residual with FiLM from the
/// text; then a fourth for patches, or a spatial softmax for points (learn/vision.py has the formula).
class Vision {
 public:
  Vision(const NanoConfig& config, const NanoView& view, Loader& loader);

  std::size_t tokens() const noexcept { return tokens_; }

  /// image: (height, width, 3) uint8; text_pool: U floats;
  /// out: tokens() rows of U floats, row-major in space.
  void run(const std::uint8_t* image, const float* text_pool, float* out) noexcept;

 private:
  struct Stage {
    Linear convolution;
    const float* gamma;
    const float* beta;
    std::size_t in, out, kernel, stride;
  };

  void convolve(const Stage& stage, const float* x, std::size_t level, float* y) noexcept;
  void normalise(const Stage& stage, const float* x, float* y, std::size_t pixels, bool silu,
                 const float* residual) noexcept;
  void patches(float* out) noexcept;
  void points(float* out) noexcept;

  const kernels::KernelTable& table_;
  VisionSizes sizes_;
  std::size_t groups_;
  float eps_;
  float image_scale_[3], image_shift_[3];
  Stage stages_[4];
  Linear film_;
  std::size_t film_width_;
  std::size_t tokens_, stage_count_;
  const float* position_ = nullptr;  // of patches
  Linear heat_, places_to_tokens_;   // of points
  float *logits_ = nullptr, *places_ = nullptr;
  float *image_, *wide_, *middle_, *residual_, *modulation_, *patches_, *statistics_;
};

}  // namespace motorium
