#include "engine/families/being_h05_prefix.hpp"

#include <algorithm>
#include <string>

namespace motorium {
namespace {

kernels::VisibleKeys* make_visible(std::size_t count, Arena& arena) {
  return reinterpret_cast<kernels::VisibleKeys*>(arena.indices(3 * count));
}

}  // namespace

BeingH05Prefix::BeingH05Prefix(const BeingH05Config& config, Denoiser& expert, Loader& loader)
    : table_(loader.table()),
      width_(config.text.width),
      action_width_(config.expert.block.width),
      expert_(expert),
      embedding_(loader.copy("text.embedding", {config.vocabulary, config.text.width})),
      norm_("text.norm", config.text.norm, config.text.width, config.text.eps, loader),
      action_norm_("out.norm", config.text.norm, action_width_, config.expert.block.eps, loader),
      segments_{} {
  for (std::size_t layer = 0; layer < config.expert.layers; ++layer)
    blocks_.emplace_back("layers." + std::to_string(layer) + ".prefix.", config.text, loader);
  const std::size_t most = config.expert.prefix;
  scratch_ = Block::make_scratch(most, config.text, config.expert.keys(), config.text.mlp, &expert.rope(),
                                 "text", loader);
  Arena& arena = loader.arena();
  x_ = arena.floats(most * width_);
  state_ = arena.floats(action_width_);
  positions_ = arena.indices(most);
  state_position_ = arena.indices(1);
  visible_ = make_visible(most, arena);
  state_visible_ = make_visible(1, arena);
}

void BeingH05Prefix::lay_out(const Tokens& tokens) noexcept {
  const float* image = tokens.images;
  std::size_t state_key = 0;
  count_ = 0;
  has_state_ = false;
  for (std::size_t i = 0; i < tokens.prompt.size(); ++i) {
    const std::size_t key = tokens.first_key + i;
    const auto position = static_cast<std::uint32_t>(key), end = position + 1;
    const kernels::VisibleKeys visible{end, end, end};
    const std::int32_t id = tokens.prompt[i];
    if (id == BeingH05Config::kStateToken) {
      state_key = i;
      has_state_ = true;
      state_position_[0] = position;
      state_visible_[0] = visible;
      state_segment_ = {0, key, 1};
      std::copy_n(tokens.state, action_width_, state_);
      continue;
    }
    const bool is_image = id == BeingH05Config::kImageToken;
    const float* from = is_image ? image : embedding_ + static_cast<std::size_t>(id) * width_;
    if (is_image) image += width_;
    std::copy_n(from, width_, x_ + count_ * width_);
    positions_[count_] = position;
    visible_[count_++] = visible;
  }
  const std::size_t before = has_state_ ? state_key : count_;
  segments_[0] = {0, tokens.first_key, before};
  segments_[1] = {before, tokens.first_key + before + 1, count_ - before};
  segment_count_ = has_state_ ? 2 : 1;
}

void BeingH05Prefix::run(const Tokens& tokens) noexcept {
  lay_out(tokens);
  scratch_.probe = tokens.probe;
  Block::Scratch& action = expert_.scratch();
  action.probe = tokens.probe;
  action.stream = "state";
  const TokenPlaces places{{segments_, segment_count_}, positions_, visible_};
  const TokenPlaces state_places{{&state_segment_, 1}, state_position_, state_visible_};
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    const kernels::KeyValues& cache = expert_.caches()[layer];
    const Block::Call text{{x_, width_, count_}, places, cache, layer, {}};
    const Block::Call state{{state_, action_width_, 1}, state_places, cache, layer, {}};
    blocks_[layer].store(text, scratch_);
    if (has_state_) expert_.block(layer).store(state, action);
    // Nothing reads these rows after the last layer, so they stop at their keys and values.
    if (layer + 1 == blocks_.size() && tokens.probe == nullptr) break;
    blocks_[layer].finish(text, 0, count_, scratch_);
    if (has_state_) expert_.block(layer).finish(state, 0, 1, action);
  }
  action.stream = "expert";
  if (tokens.probe != nullptr) show_norms(tokens);
}

void BeingH05Prefix::show_norms(const Tokens& tokens) noexcept {
  const Rows text{x_, width_, count_}, state{state_, action_width_, 1};
  norm_.run(table_, text, text);
  tokens.probe->see("text", "normed", 0, text, width_);
  if (!has_state_) return;
  action_norm_.run(table_, state, state);
  tokens.probe->see("state", "normed", 0, state, action_width_);
}

}  // namespace motorium
