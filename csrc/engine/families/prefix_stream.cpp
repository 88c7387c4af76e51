#include "engine/families/prefix_stream.hpp"

#include <algorithm>

#include "engine/families/state_token.hpp"

namespace motorium {

PrefixStream::PrefixStream(const NanoConfig& config, Loader& loader)
    : table_(loader.table()),
      width_(config.prefix_width),
      tokens_(config.prefix_tokens()),
      soft_tokens_(config.soft_tokens),
      eps_(config.rms_eps) {
  for (const NanoView& view : config.views) views_.emplace_back(config, view, loader);
  const BlockConfig block = nano_block(config, width_, config.prefix_mlp);
  for (std::size_t layer = 0; layer < config.layers; ++layer)
    blocks_.emplace_back("layers." + std::to_string(layer) + ".prefix.", block, loader);
  embedding_ = loader.copy("text.embedding.weight", {config.vocabulary, width_});
  text_position_ = loader.copy("text.position", {config.max_tokens, width_});
  soft_prompt_ = loader.copy("soft_prompt", {config.embodiments, config.soft_tokens, width_});
  readout_ = loader.copy("readout", {1, width_});
  scene_norm_ = loader.copy("scene.norm.weight", {width_});
  scene_head_ = loader.exact("scene.head", config.scene, width_, true);
  Arena& arena = loader.arena();
  scratch_ =
      Block::make_scratch(tokens_, block, tokens_ + 1 + config.rows, block.mlp, &rope_, "prefix", loader);
  segment_ = {0, 0, tokens_};
  visible_ = reinterpret_cast<kernels::VisibleKeys*>(arena.indices(3 * tokens_));
  const auto all = static_cast<std::uint32_t>(tokens_);
  std::fill_n(visible_, tokens_, kernels::VisibleKeys{all, all, all});
  x_ = arena.floats(tokens_ * width_);
  text_pool_ = arena.floats(width_);
  pooled_ = arena.floats(views_.size() * width_);
  scene_ = arena.floats(config.scene);
}

void PrefixStream::embed(std::span<const std::uint8_t* const> images, std::span<const std::int32_t> tokens,
                         std::size_t embodiment) noexcept {
  const float* soft = soft_prompt_ + embodiment * soft_tokens_ * width_;
  float* next = std::copy(soft, soft + soft_tokens_ * width_, x_);
  std::fill(text_pool_, text_pool_ + width_, 0.0f);
  for (std::size_t i = 0; i < tokens.size(); ++i, next += width_) {
    const float* word = embedding_ + static_cast<std::size_t>(tokens[i]) * width_;
    table_.f32_add_scaled({word, text_position_ + i * width_, next, width_, 1.0f});
    table_.f32_add_scaled({text_pool_, word, text_pool_, width_, 1.0f / static_cast<float>(tokens.size())});
  }
  for (std::size_t view = 0; view < views_.size(); ++view) {
    const std::size_t count = views_[view].tokens();
    views_[view].run(images[view], text_pool_, next);
    float* pooled = pooled_ + view * width_;
    std::fill(pooled, pooled + width_, 0.0f);
    for (std::size_t token = 0; token < count; ++token, next += width_)
      table_.f32_add_scaled({pooled, next, pooled, width_, 1.0f / static_cast<float>(count)});
  }
  std::copy(readout_, readout_ + width_, next);
}

void PrefixStream::run(std::span<const std::uint8_t* const> images, std::span<const std::int32_t> tokens,
                       std::size_t embodiment, std::span<const kernels::KeyValues> caches) noexcept {
  embed(images, tokens, embodiment);
  const Rows x{x_, width_, tokens_};
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    const Block::Call call{x, {{&segment_, 1}, nullptr, visible_}, caches[layer], layer, {}};
    // After the last layer only the readout is used, so the other rows stop at their keys and values.
    blocks_[layer].run(call, layer + 1 < blocks_.size() ? 0 : tokens_ - 1, tokens_, scratch_);
  }
  float* readout = x_ + (tokens_ - 1) * width_;
  table_.f32_normalise_rms({readout, width_, readout, width_, 1, 1, width_, scene_norm_, eps_});
  multiply(table_, scene_head_, {readout, width_, 1}, {scene_, scene_head_.n, 1});
}

}  // namespace motorium
