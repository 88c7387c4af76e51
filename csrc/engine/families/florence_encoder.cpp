#include "engine/families/florence_encoder.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace motorium {
namespace {

constexpr std::size_t kFirstPosition = 2;  // BART reserves two rows of its table for padding

}  // namespace

void FlorenceConfig::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("Florence config: ") + what);
  };
  require(!stages.empty() && stages.size() <= 8, "1..8 stages");
  require(image >= 8 && image <= 1024 && window >= 1 && window <= 64, "image or window out of range");
  std::size_t pixels = image;
  for (const DavitStage& s : stages) {
    require(s.width >= 1 && s.width <= 8192 && s.depth >= 1 && s.depth <= 64, "stage width or depth");
    require(s.heads >= 1 && s.width % s.heads == 0 && s.groups >= 1 && s.width % s.groups == 0,
            "heads or groups");
    require(s.patch >= 1 && s.patch <= 16 && s.stride >= 1 && s.stride <= s.patch && s.padding < s.patch,
            "convolution sizes");
    require(pixels + 2 * s.padding >= s.patch, "the image is too small");
    pixels = (pixels + 2 * s.padding - s.patch) / s.stride + 1;
  }
  require(stages.back().width % 2 == 0, "the last stage's width must be even");
  require(pixels <= most_positions && most_positions <= 4096, "the map needs a position per row");
  require(temporal_positions >= 1 && temporal_positions <= 65536, "temporal positions");
  require(text.width >= 1 && text.width <= 8192 && text.heads >= 1 && text.heads <= 128 &&
              text.heads * text.head_dim <= 16384 && text.head_dim >= 1 && text.mlp >= 1 && text.mlp <= 32768,
          "text sizes out of range");
  require(text_layers >= 1 && text_layers <= 128 && vocabulary >= 1 && vocabulary <= (1u << 20),
          "text layers or vocabulary");
  require(most_tokens >= 1 && most_tokens + kFirstPosition <= position_rows && position_rows <= 65536,
          "positions must hold the tokens");
}

FlorenceEncoder::FlorenceEncoder(const FlorenceConfig& source, const Tensors& tensors,
                                 const kernels::KernelTable& kernels, const EngineOptions& options)
    : FamilyEngine(source, tensors, kernels, options), davit_(config(), loader()) {
  const std::size_t width = config().text.width, channels = config().stages.back().width;
  load_image(channels, width);
  embedding_ = loader().copy("text.embedding", {config().vocabulary, width});
  position_ = loader().copy("text.position", {config().position_rows, width});
  text_norm_ = NormLayer("text.norm", Norm::layer, width, kLayerNormEps, loader());
  for (std::size_t layer = 0; layer < config().text_layers; ++layer)
    blocks_.emplace_back("text.layers." + std::to_string(layer) + ".", config().text, loader());
  const std::size_t most = config().most_tokens, panel = table().panel;
  const BlockConfig& text = config().text;
  cache_ = {arena().floats(kernels::key_floats(text.kv_heads, text.head_dim, most, panel)),
            arena().floats(kernels::value_floats(text.kv_heads, text.head_dim, most, panel)), text.kv_heads,
            text.head_dim, most};
  scratch_ = Block::make_scratch(most, text, most, text.mlp, &rope_, "text", loader());
  visible_ = reinterpret_cast<kernels::VisibleKeys*>(arena().indices(3 * most));
  tokens_ = arena().floats(config().view_tokens() * channels);
  finish_loading();
}

void FlorenceEncoder::load_image(std::size_t channels, std::size_t width) {
  const float* weights = loader().raw("image.projection", {channels, width});
  std::vector<float> turned(channels * width);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t o = 0; o < width; ++o) turned[o * channels + c] = weights[c * width + o];
  projection_ = loader().packed(turned.data(), nullptr, width, channels);
  image_norm_ = NormLayer("image.norm", Norm::layer, width, kLayerNormEps, loader());
  row_ = loader().copy("image.row", {config().most_positions, channels / 2});
  column_ = loader().copy("image.column", {config().most_positions, channels / 2});
  temporal_ = loader().copy("image.temporal", {config().temporal_positions, channels});
}

/// Encodes one view: the mean of the map, then the map, both projected.
void FlorenceEncoder::encode_view(const float* pixels, std::size_t view, float* out, Probe* probe) noexcept {
  const TokenMap map = davit_.run(pixels, view, probe);
  const std::size_t w = map.width, half = w / 2;
  float* mean = tokens_;
  std::fill_n(mean, w, 0.0f);
  for (std::size_t i = 0; i < map.count(); ++i) {
    const float* from = map.data + i * w;
    float* to = tokens_ + (i + 1) * w;
    table().f32_add_scaled({from, column_ + i % map.side * half, to, half, 1.0f});
    table().f32_add_scaled({from + half, row_ + i / map.side * half, to + half, half, 1.0f});
    table().f32_add_scaled({to, temporal_, to, w, 1.0f});
    table().f32_add_scaled({mean, to, mean, w, 1.0f / static_cast<float>(map.count())});
  }
  const Rows result{out, config().text.width, map.count() + 1};
  multiply(table(), projection_, {tokens_, w, map.count() + 1}, result);
  image_norm_.run(table(), result, result);
  if (probe != nullptr) probe->see("image", "tokens", view, result, config().text.width);
}

void FlorenceEncoder::encode_text(std::span<const std::int32_t> ids, float* x, Probe* probe) noexcept {
  const std::size_t w = config().text.width, images = config().view_tokens(), count = images + ids.size();
  for (std::size_t i = 0; i < ids.size(); ++i)
    std::copy_n(embedding_ + static_cast<std::size_t>(ids[i]) * w, w, x + (images + i) * w);
  table().f32_add_scaled({x, position_ + kFirstPosition * w, x, count * w, 1.0f});
  const Rows rows{x, w, count};
  text_norm_.run(table(), rows, rows);
  if (probe != nullptr) probe->see("text", "embed", 0, rows, w);
  const auto all = static_cast<std::uint32_t>(count);
  std::fill_n(visible_, count, kernels::VisibleKeys{all, all, all});
  const KeySegment segment{0, 0, count};
  scratch_.probe = probe;
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer)
    blocks_[layer].run({rows, {{&segment, 1}, nullptr, visible_}, cache_, layer, {}}, scratch_);
}

DenoiseStatus FlorenceEncoder::encode(const Observation& o) noexcept {
  const std::size_t w = config().text.width, per_view = config().view_tokens() * w;
  const std::size_t pixels = 3 * config().image * config().image, views = o.valid.size();
  if (views == 0 || o.pixels.size() != views * pixels || o.views.size() != (views - 1) * per_view ||
      o.features.size() != per_view + o.ids.size() * w)
    return DenoiseStatus::wrong_sizes;
  if (config().view_tokens() + o.ids.size() > config().most_tokens) return DenoiseStatus::out_of_range;
  for (const std::int32_t id : o.ids)
    if (id < 0 || static_cast<std::size_t>(id) >= config().vocabulary) return DenoiseStatus::out_of_range;
  const auto turn = wait_turn();
  for (std::size_t view = 0; view < views; ++view) {
    float* out = view == 0 ? o.features.data() : o.views.data() + (view - 1) * per_view;
    std::fill_n(out, per_view, 0.0f);
    if (o.valid[view] != 0) encode_view(o.pixels.data() + view * pixels, view, out, o.probe);
  }
  encode_text(o.ids, o.features.data(), o.probe);
  return DenoiseStatus::ok;
}

}  // namespace motorium
