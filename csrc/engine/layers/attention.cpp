#include "engine/layers/attention.hpp"

#include "engine/cpu/key_cache.hpp"

namespace motorium {

Attention::Attention(const std::string& here, const BlockConfig& config, Loader& loader)
    : table_(loader.table()), workspace_(loader.workspace()), config_(config) {
  if (config.qk_norm) {
    query_norm_ = loader.copy(here + "q_norm.weight", {config.head_dim});
    key_norm_ = loader.copy(here + "k_norm.weight", {config.head_dim});
  }
  project_ = loader.stacked({{here + "q", config.query_width()},
                             {here + "k", config.key_width()},
                             {here + "v", config.key_width()}},
                            config.width, config.qkv_bias);
  out_ = config.layer_scale
             ? loader.scaled(here + "o", config.width, config.query_width(), config.out_bias, here + "ls1")
             : loader.linear(here + "o", config.width, config.query_width(), config.out_bias);
}

Attention::Scratch Attention::make_scratch(std::size_t rows, const BlockConfig& config, std::size_t capacity,
                                           Loader& loader) {
  Arena& arena = loader.arena();
  return {arena.floats(rows * config.projected_width()), arena.floats(rows * config.query_width()),
          arena.floats(loader.workspace().pool.threads() *
                       kernels::narrow_score_floats(capacity, loader.table().panel))};
}

void Attention::store(const ConstRows& x, const TokenPlaces& places, const RopeTable& rope,
                      const kernels::KeyValues& cache, const Scratch& scratch,
                      const RowMaker& make) const noexcept {
  const std::size_t stride = config_.projected_width();
  multiply_rows(table_, project_, x, {scratch.projected, stride, x.count}, {}, make);
  share_parts(workspace_, config_.heads + config_.kv_heads, x.count * stride,
              [&](std::size_t head, std::size_t) noexcept {
                place_head(head, {scratch.projected, stride, x.count}, places, rope, cache);
              });
}

/// Normalises and rotates one head: a query, or after all queries a key, which it stores together with its
/// values.
void Attention::place_head(std::size_t head, const Rows& projected, const TokenPlaces& places,
                           const RopeTable& rope, const kernels::KeyValues& cache) const noexcept {
  const std::size_t stride = projected.stride, dim = config_.head_dim;
  const bool query = head < config_.heads;
  float* x = projected.data + head * dim;
  if (config_.qk_norm) {
    const float* weight = query ? query_norm_ : key_norm_;
    table_.f32_normalise_rms({x, stride, x, stride, projected.count, 1, dim, weight, config_.eps});
  }
  if (rope.cosine != nullptr)
    table_.f32_rotate_halves({x, stride, projected.count, 1, dim, rope.cosine, rope.sine, places.positions});
  if (query) return;
  const kernels::KeyValues one = head_of(table_, cache, head - config_.heads);
  for (const KeySegment& segment : places.keys) {
    const float* row = x + segment.row * stride;
    store_keys(table_, {row, row + config_.key_width(), stride, segment.count, segment.key, one});
  }
}

kernels::AttendRows Attention::call_of(std::size_t first, std::size_t count, const TokenPlaces& places,
                                       const kernels::KeyValues& cache,
                                       const Scratch& scratch) const noexcept {
  const std::size_t stride = config_.projected_width();
  kernels::AttendRows call{scratch.projected + first * stride,
                           stride,
                           count,
                           config_.heads,
                           cache,
                           0,
                           0,
                           scratch.mixed,
                           config_.query_width(),
                           scratch.scores};
  call.visible = places.visible + first;
  return call;
}

void Attention::attend(std::size_t first, const TokenPlaces& places, const kernels::KeyValues& cache,
                       const Scratch& scratch, const Rows& out, bool accumulate) const noexcept {
  motorium::attend(workspace_, table_, call_of(first, out.count, places, cache, scratch));
  multiply(table_, out_, {scratch.mixed, config_.query_width(), out.count}, out, kernels::Activation::none,
           accumulate);
}

void Attention::run(const ConstRows& x, std::size_t first, const TokenPlaces& places, const RopeTable& rope,
                    const kernels::KeyValues& cache, const Scratch& scratch, const Rows& out, bool accumulate,
                    const RowMaker& make) const noexcept {
  const Rows projected{scratch.projected, config_.projected_width(), x.count};
  multiply_rows(table_, project_, x, projected, {}, make);
  const kernels::AttendRows call = call_of(first, out.count, places, cache, scratch);
  const std::size_t group = config_.heads / config_.kv_heads;
  const std::size_t scores = out.count * config_.heads * cache.capacity;
  share_parts(workspace_, config_.kv_heads, projected.count * projected.stride + scores,
              [&](std::size_t part, std::size_t thread) noexcept {
                place_head(config_.heads + part, projected, places, rope, cache);
                for (std::size_t head = part * group; head < (part + 1) * group; ++head)
                  place_head(head, projected, places, rope, cache);
                attend_heads(table_, call, part * group, (part + 1) * group, thread);
              });
  multiply(table_, out_, {scratch.mixed, config_.query_width(), out.count}, out, kernels::Activation::none,
           accumulate);
}

}  // namespace motorium
