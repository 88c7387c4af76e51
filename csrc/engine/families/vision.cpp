#include "engine/families/vision.hpp"

#include <algorithm>
#include <cmath>

namespace motorium {

VisionSizes vision_sizes(const NanoView& view) noexcept {
  const auto shrink = [](std::size_t size, std::size_t kernel, std::size_t stride) {
    return (size + 2 - kernel) / stride + 1;
  };
  VisionSizes sizes{{view.height}, {view.width}};
  constexpr std::size_t kKernel[] = {6, 3, 3};
  constexpr std::size_t kStride[] = {4, 2, 2};
  for (std::size_t i = 0; i < 3; ++i) {
    sizes.height[i + 1] = shrink(sizes.height[i], kKernel[i], kStride[i]);
    sizes.width[i + 1] = shrink(sizes.width[i], kKernel[i], kStride[i]);
  }
  return sizes;
}

Vision::Vision(const NanoConfig& config, const NanoView& view, Loader& loader)
    : table_(loader.table()),
      sizes_(vision_sizes(view)),
      groups_(config.groups),
      eps_(config.norm_eps),
      tokens_(config.view_tokens(view)),
      stage_count_(config.points > 0 ? 3 : 4) {
  const auto [c1, c2, c3] = config.vision_channels;
  const std::string here = "vision." + view.role + ".";
  const std::size_t shapes[4][4] = {{c1, 3, 6, 4}, {c2, c1, 3, 2}, {c2, c2, 3, 1}, {c3, c2, 3, 2}};
  for (std::size_t i = 0; i < stage_count_; ++i) {
    const auto [out, in, kernel, stride] = shapes[i];
    const std::string number = std::to_string(i + 1);
    stages_[i] = {loader.convolution(here + "conv" + number, out, in, kernel),
                  loader.copy(here + "norm" + number + ".weight", {out}),
                  loader.copy(here + "norm" + number + ".bias", {out}),
                  in,
                  out,
                  kernel,
                  stride};
  }
  film_ = loader.exact(here + "film", 2 * c2, config.prefix_width, true);
  film_width_ = config.prefix_width;
  if (config.points > 0) {
    heat_ = loader.exact(here + "points", config.points, c2, false);
    places_to_tokens_ = loader.exact(here + "tokens", tokens_ * c3, 2 * config.points, true);
  } else {
    position_ = loader.copy(here + "position", {tokens_, c3});
  }
  for (std::size_t c = 0; c < 3; ++c) {  // (u8 / 255 - mean) / std as one multiply-add
    image_scale_[c] = 1.0f / (255.0f * config.image_std[c]);
    image_shift_[c] = -config.image_mean[c] / config.image_std[c];
  }
  Arena& arena = loader.arena();
  const std::size_t middle = sizes_.height[2] * sizes_.width[2] * c2;
  if (config.points > 0) {
    logits_ = arena.floats(sizes_.height[2] * sizes_.width[2] * config.points);
    places_ = arena.floats(2 * config.points);
  }
  image_ = arena.floats(view.height * view.width * 3);
  wide_ = arena.floats(sizes_.height[1] * sizes_.width[1] * c1);
  middle_ = arena.floats(middle);
  residual_ = arena.floats(middle);
  modulation_ = arena.floats(2 * c2);
  patches_ = arena.floats(kernels::kConvolveRows * std::max({std::size_t{108}, 9 * c1, 9 * c2}));
  statistics_ = arena.floats(2 * std::max({c1, c2, c3}));
}

void Vision::convolve(const Stage& stage, const float* x, std::size_t level, float* y) noexcept {
  table_.f32_convolve_image({x, sizes_.height[level], sizes_.width[level], stage.in, stage.kernel,
                             stage.stride, 1, static_cast<const float*>(stage.convolution.packed),
                             stage.convolution.bias, stage.out, y, patches_});
}

void Vision::normalise(const Stage& stage, const float* x, float* y, std::size_t pixels, bool silu,
                       const float* residual) noexcept {
  const bool film = residual != nullptr;  // only the residual stage is modulated
  table_.f32_normalise_groups({x, y, pixels, stage.out, groups_, eps_, stage.gamma, stage.beta,
                               film ? modulation_ : nullptr, film ? modulation_ + stage.out : nullptr,
                               residual, silu, statistics_});
}

void Vision::run(const std::uint8_t* image, const float* text_pool, float* out) noexcept {
  kernels::NormaliseImage pixels{image, image_, sizes_.height[0] * sizes_.width[0], {}, {}};
  std::copy(image_scale_, image_scale_ + 3, pixels.scale);
  std::copy(image_shift_, image_shift_ + 3, pixels.shift);
  table_.u8_normalise_image(pixels);
  // Rows is non-const only by type: multiply() never writes to its input.
  multiply(table_, film_, {text_pool, film_width_, 1}, {modulation_, film_.n, 1});

  const std::size_t wide = sizes_.height[1] * sizes_.width[1];
  const std::size_t middle = sizes_.height[2] * sizes_.width[2];
  convolve(stages_[0], image_, 0, wide_);
  normalise(stages_[0], wide_, wide_, wide, true, nullptr);
  convolve(stages_[1], wide_, 1, middle_);
  normalise(stages_[1], middle_, middle_, middle, true, nullptr);
  convolve(stages_[2], middle_, 2, residual_);
  normalise(stages_[2], residual_, residual_, middle, true, middle_);
  position_ != nullptr ? patches(out) : points(out);
}

void Vision::patches(float* out) noexcept {
  convolve(stages_[3], residual_, 2, out);
  normalise(stages_[3], out, out, tokens_, false, nullptr);
  table_.f32_add_scaled({out, position_, out, tokens_ * stages_[3].out, 1.0f});
}

void Vision::points(float* out) noexcept {
  const std::size_t height = sizes_.height[2], width = sizes_.width[2], count = heat_.n;
  multiply(table_, heat_, {residual_, stages_[2].out, height * width}, {logits_, count, height * width});
  const auto coordinate = [](std::size_t i, std::size_t size) {
    return size == 1 ? -1.0f : 2.0f * static_cast<float>(i) / static_cast<float>(size - 1) - 1.0f;
  };
  for (std::size_t k = 0; k < count; ++k) {
    float highest = logits_[k];
    for (std::size_t i = 1; i < height * width; ++i) highest = std::max(highest, logits_[i * count + k]);
    float sum = 0.0f, x = 0.0f, y = 0.0f;
    for (std::size_t i = 0; i < height * width; ++i) {
      const float share = std::exp(logits_[i * count + k] - highest);
      sum += share;
      x += share * coordinate(i % width, width);
      y += share * coordinate(i / width, height);
    }
    places_[k] = x / sum;
    places_[count + k] = y / sum;
  }
  multiply(table_, places_to_tokens_, {places_, 2 * count, 1}, {out, places_to_tokens_.n, 1});
}

}  // namespace motorium
