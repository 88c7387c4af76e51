#include "engine/families/davit_block.hpp"

#include <algorithm>

namespace motorium {
namespace {

constexpr std::size_t kTaps = 3;

BlockConfig block_of(const DavitStage& stage) {
  BlockConfig block;
  block.width = stage.width;
  block.heads = block.kv_heads = stage.heads;
  block.head_dim = stage.width / stage.heads;
  block.mlp = 4 * stage.width;
  block.activation = kernels::Activation::gelu;
  block.norm = Norm::layer;
  block.qkv_bias = block.out_bias = block.mlp_bias = true;
  return block;
}

}  // namespace

DavitBlock::DavitBlock(const std::string& here, const DavitStage& stage, std::size_t window, bool spatial,
                       Loader& loader)
    : table_(loader.table()),
      window_(window),
      heads_(spatial ? stage.heads : stage.groups),
      spatial_(spatial),
      conv1_(read_depthwise(here + "conv1", stage.width, loader)),
      conv2_(read_depthwise(here + "conv2", stage.width, loader)),
      norm1_(here + "norm1", Norm::layer, stage.width, kLayerNormEps, loader),
      norm2_(here + "norm2", Norm::layer, stage.width, kLayerNormEps, loader),
      mlp_(here, block_of(stage), loader) {
  if (spatial) {
    attention_.emplace(here, block_of(stage), loader);
    return;
  }
  const std::size_t w = stage.width;
  qkv_ = loader.stacked({{here + "q", w}, {here + "k", w}, {here + "v", w}}, w, true);
  out_ = loader.linear(here + "o", stage.width, stage.width, true);
}

DavitBlock::Depthwise DavitBlock::read_depthwise(const std::string& name, std::size_t width, Loader& loader) {
  const float* weights = loader.raw(name + ".weight", {width, 1, kTaps, kTaps});
  float* taps = loader.arena().floats(kTaps * kTaps * width);
  for (std::size_t c = 0; c < width; ++c)
    for (std::size_t tap = 0; tap < kTaps * kTaps; ++tap)
      taps[tap * width + c] = weights[c * kTaps * kTaps + tap];
  return {taps, loader.copy(name + ".bias", {width})};
}

DavitBlock::Scratch DavitBlock::make_scratch(const FlorenceConfig& config, Loader& loader) {
  std::size_t map = 0, width = 0, hidden = 0, keys = 0, values = 0, columns = 0;
  const std::size_t panel = loader.table().panel;
  const std::size_t window = config.window * config.window;
  for (std::size_t s = 0; s < config.stages.size(); ++s) {
    const DavitStage& stage = config.stages[s];
    const std::size_t count = config.side(s) * config.side(s);
    const std::size_t per_group = stage.width / stage.groups, per_head = stage.width / stage.heads;
    map = std::max(map, count * stage.width);
    width = std::max(width, stage.width);
    hidden = std::max(hidden, count * 4 * stage.width);
    keys = std::max({keys, kernels::key_floats(stage.groups, count, per_group, panel),
                     kernels::key_floats(stage.heads, per_head, window, panel)});
    values = std::max({values, kernels::value_floats(stage.groups, count, per_group, panel),
                       kernels::value_floats(stage.heads, per_head, window, panel)});
    columns = std::max(columns, per_group);
  }
  Arena& arena = loader.arena();
  Scratch s{};
  s.normed = arena.floats(map);
  s.wide = arena.floats(hidden);
  s.window_in = arena.floats(window * width);
  s.window_out = arena.floats(window * width);
  s.zeros = arena.floats(width);
  s.keys = arena.floats(keys);
  s.values = arena.floats(values);
  s.transposed = arena.floats(3 * map);
  s.mixed = arena.floats(map);
  s.scores = arena.floats(loader.workspace().pool.threads() *
                          kernels::score_floats(std::max(window, columns), panel));
  s.attention = {arena.floats(window * 3 * width), arena.floats(window * width), s.scores};
  const std::size_t rows = std::max(window, columns);
  s.visible = reinterpret_cast<kernels::VisibleKeys*>(arena.indices(3 * rows));
  return s;
}

/// Computes x += depthwise(x), tap by tap over whole ranges of image rows.
void DavitBlock::convolve(const Depthwise& depthwise, const TokenMap& x,
                          const Scratch& scratch) const noexcept {
  const std::size_t w = x.width, side = x.side;
  std::copy_n(x.data, x.count() * w, scratch.normed);
  table_.f32_modulate_rows(
      {scratch.normed, w, x.data, w, x.count(), w, nullptr, scratch.zeros, depthwise.bias, w, nullptr, 1.0f});
  for (std::size_t tap = 0; tap < kTaps * kTaps; ++tap) {
    const std::size_t up = tap / kTaps, left = tap % kTaps;  // source = target + (up - 1, left - 1)
    const std::size_t first = left == 0 ? 1 : 0, last = left == 2 ? side - 1 : side;
    for (std::size_t row = up == 0 ? 1 : 0; row < (up == 2 ? side - 1 : side); ++row) {
      const float* from = scratch.normed + ((row + up - 1) * side + first + left - 1) * w;
      float* to = x.data + (row * side + first) * w;
      if (last > first)
        table_.f32_modulate_rows(
            {from, w, to, w, last - first, w, to, depthwise.taps + tap * w, nullptr, w, nullptr, 0.0f});
    }
  }
}

/// Fills windows that reach beyond the map with zeros, which take part like any token.
void DavitBlock::attend_windows(const TokenMap& x, const Scratch& scratch) const noexcept {
  const std::size_t w = x.width, side = x.side, tokens = window_ * window_;
  const kernels::KeyValues cache{scratch.keys, scratch.values, heads_, w / heads_, tokens};
  const KeySegment segment{0, 0, tokens};
  const auto all = static_cast<std::uint32_t>(tokens);
  std::fill_n(scratch.visible, tokens, kernels::VisibleKeys{all, all, all});
  const TokenPlaces places{{&segment, 1}, nullptr, scratch.visible};
  const Rows in{scratch.window_in, w, tokens}, out{scratch.window_out, w, tokens};
  for (std::size_t top = 0; top < side; top += window_) {
    for (std::size_t left = 0; left < side; left += window_) {
      const std::size_t columns = std::min(window_, side - left);
      std::fill_n(scratch.window_in, tokens * w, 0.0f);
      for (std::size_t row = 0; row < std::min(window_, side - top); ++row)
        std::copy_n(scratch.normed + ((top + row) * side + left) * w, columns * w,
                    scratch.window_in + row * window_ * w);
      attention_->store(in, places, {}, cache, scratch.attention);
      attention_->attend(0, places, cache, scratch.attention, out, false);
      for (std::size_t row = 0; row < std::min(window_, side - top); ++row) {
        float* to = x.data + ((top + row) * side + left) * w;
        table_.f32_add_scaled({to, scratch.window_out + row * window_ * w, to, columns * w, 1.0f});
      }
    }
  }
}

/// Attention between the channels of a group is ordinary attention with channels as tokens and positions as
/// channels, including its scale: 1 / sqrt(number of positions).
void DavitBlock::attend_channels(const TokenMap& x, const Scratch& scratch) const noexcept {
  const std::size_t w = x.width, n = x.count(), tokens = w / heads_;
  multiply(table_, qkv_, {scratch.normed, w, n}, {scratch.wide, 3 * w, n});
  // (n, [q k v], group, channel) -> [q k v] (channel, group, n)
  for (std::size_t column = 0; column < 3 * w; ++column) {
    const std::size_t group = column % w / tokens, channel = column % tokens;
    float* to = scratch.transposed + (column / w * w + channel * heads_ + group) * n;
    for (std::size_t row = 0; row < n; ++row) to[row] = scratch.wide[row * 3 * w + column];
  }
  const kernels::KeyValues cache{scratch.keys, scratch.values, heads_, n, tokens};
  const float* k = scratch.transposed + w * n;
  table_.f32_store_keys({k, k + w * n, heads_ * n, tokens, 0, cache});
  const auto all = static_cast<std::uint32_t>(tokens);
  std::fill_n(scratch.visible, tokens, kernels::VisibleKeys{all, all, all});
  kernels::AttendRows call{scratch.transposed, heads_ * n, tokens,        heads_, cache, 0, 0,
                           scratch.mixed,      heads_ * n, scratch.scores};
  call.visible = scratch.visible;
  table_.f32_attend_rows(call);
  for (std::size_t column = 0; column < w; ++column) {
    const float* from = scratch.mixed + (column % tokens * heads_ + column / tokens) * n;
    for (std::size_t row = 0; row < n; ++row) scratch.normed[row * w + column] = from[row];
  }
  multiply(table_, out_, {scratch.normed, w, n}, x.rows(), kernels::Activation::none, true);
}

void DavitBlock::run(const TokenMap& x, const Scratch& scratch) const noexcept {
  const Rows normed{scratch.normed, x.width, x.count()};
  convolve(conv1_, x, scratch);
  norm1_.run(table_, x.rows(), normed);
  if (spatial_) {
    attend_windows(x, scratch);
  } else {
    attend_channels(x, scratch);
  }
  convolve(conv2_, x, scratch);
  norm2_.run(table_, x.rows(), normed);
  mlp_.run(normed, scratch.wide, x.rows(), true);
}

}  // namespace motorium
