#include "engine/families/intern_vit.hpp"

#include <algorithm>
#include <string>

namespace motorium {
namespace {

constexpr std::size_t kColours = 3;

kernels::KeyValues make_cache(const BlockConfig& block, std::size_t capacity, Loader& loader) {
  const std::size_t panel = loader.table().panel;
  return {loader.arena().floats(kernels::key_floats(block.kv_heads, block.head_dim, capacity, panel)),
          loader.arena().floats(kernels::value_floats(block.kv_heads, block.head_dim, capacity, panel)),
          block.kv_heads, block.head_dim, capacity};
}

}  // namespace

InternVit::InternVit(const BeingH05Config& config, Loader& loader)
    : table_(loader.table()),
      config_(config),
      width_(config.vit.width),
      tokens_(config.patches() + 1),
      patch_(loader.exact("vit.patch", config.vit.width, kColours * config.patch * config.patch, true)),
      fc1_(loader.linear("connector.fc1", config.text.width, 4 * config.vit.width, true)),
      fc2_(loader.linear("connector.fc2", config.text.width, config.text.width, true)),
      class_(loader.copy("vit.class", {1, 1, config.vit.width})),
      position_(loader.copy("vit.position", {1, config.patches() + 1, config.vit.width})),
      norm_("connector.norm", Norm::layer, 4 * config.vit.width, kLayerNormEps, loader),
      cache_(make_cache(config.vit, config.patches() + 1, loader)),
      segment_{0, 0, config.patches() + 1} {
  for (std::size_t layer = 0; layer < config.vit_layers; ++layer)
    blocks_.emplace_back("vit.layers." + std::to_string(layer) + ".", config.vit, loader);
  scratch_ = Block::make_scratch(tokens_, config.vit, tokens_, config.vit.mlp, &rope_, "vit", loader);
  Arena& arena = loader.arena();
  visible_ = reinterpret_cast<kernels::VisibleKeys*>(arena.indices(3 * tokens_));
  const auto all = static_cast<std::uint32_t>(tokens_);
  std::fill_n(visible_, tokens_, kernels::VisibleKeys{all, all, all});
  patches_ = arena.floats(config.patches() * kColours * config.patch * config.patch);
  x_ = arena.floats(tokens_ * width_);
  shuffled_ = arena.floats(config.patches() * width_);
  hidden_ = arena.floats(config.view_tokens() * config.text.width);
}

void InternVit::embed(const float* pixels) noexcept {
  const std::size_t side = config_.image, p = config_.patch, grid = config_.grid();
  float* next = patches_;
  for (std::size_t at = 0; at < grid * grid; ++at) {
    const float* corner = pixels + at / grid * p * side + at % grid * p;
    for (std::size_t row = 0; row < kColours * p; ++row, next += p)
      std::copy_n(corner + (row / p * side + row % p) * side, p, next);
  }
  std::copy_n(class_, width_, x_);
  multiply(table_, patch_, {patches_, kColours * p * p, grid * grid}, {x_ + width_, width_, grid * grid});
  table_.f32_add_scaled({x_, position_, x_, tokens_ * width_, 1.0f});
}

/// Moves 2 x 2 patches into the channels: channel = (row in block * 2 + column in block) * width + d.
void InternVit::shuffle() noexcept {
  const std::size_t grid = config_.grid(), half = grid / 2;
  for (std::size_t row = 0; row < grid; ++row) {
    for (std::size_t column = 0; column < grid; ++column) {
      const std::size_t token = row / 2 * half + column / 2;
      const std::size_t part = row % 2 * 2 + column % 2;
      std::copy_n(x_ + (1 + row * grid + column) * width_, width_, shuffled_ + (token * 4 + part) * width_);
    }
  }
}

void InternVit::run(const float* pixels, float* out, std::size_t view, Probe* probe) noexcept {
  embed(pixels);
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer)
    blocks_[layer].run({{x_, width_, tokens_}, {{&segment_, 1}, nullptr, visible_}, cache_, layer, {}},
                       scratch_);
  shuffle();
  const std::size_t count = config_.view_tokens(), text = config_.text.width;
  const Rows merged{shuffled_, 4 * width_, count};
  if (probe != nullptr) {
    probe->see("vit", "last_hidden", view, {x_, width_, tokens_}, width_);
    probe->see("vit", "pixel_shuffled", view, merged, 4 * width_);
  }
  norm_.run(table_, merged, merged);
  multiply(table_, fc1_, merged, {hidden_, text, count}, kernels::Activation::gelu);
  multiply(table_, fc2_, {hidden_, text, count}, {out, text, count});
  if (probe != nullptr) probe->see("vit", "tokens", view, {out, text, count}, text);
}

}  // namespace motorium
