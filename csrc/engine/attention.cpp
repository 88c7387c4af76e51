#include "engine/attention.hpp"

namespace motorium {

Attention::Attention(const std::string& here, const BlockConfig& config, Loader& loader)
    : table_(loader.table()), workspace_(loader.workspace()), config_(config) {
  if (config.qk_norm) {
    query_norm_ = loader.copy(here + "q_norm.weight", {config.head_dim});
    key_norm_ = loader.copy(here + "k_norm.weight", {config.head_dim});
  }
  query_ = loader.linear(here + "q", config.query_width(), config.width, config.qkv_bias);
  key_value_ = loader.stacked({here + "k", here + "v"}, config.key_width(), config.width, config.qkv_bias);
  out_ = config.layer_scale
             ? loader.scaled(here + "o", config.width, config.query_width(), config.out_bias, here + "ls1")
             : loader.linear(here + "o", config.width, config.query_width(), config.out_bias);
}

Attention::Scratch Attention::make_scratch(std::size_t rows, const BlockConfig& config, std::size_t capacity,
                                           Loader& loader) {
  Arena& arena = loader.arena();
  return {arena.floats(rows * config.query_width()), arena.floats(rows * 2 * config.key_width()),
          arena.floats(rows * config.query_width()),
          arena.floats(loader.workspace().pool.threads() *
                       kernels::score_floats(capacity, loader.table().panel))};
}

void Attention::store(const Rows& x, const TokenPlaces& places, const RopeTable& rope,
                      const kernels::KeyValues& cache, const Scratch& scratch) const noexcept {
  const std::size_t inner = config_.key_width();
  float* k = scratch.keys_values;
  multiply(table_, key_value_, x, {k, 2 * inner, x.count});
  if (config_.qk_norm) {
    table_.f32_normalise_rms(
        {k, 2 * inner, k, 2 * inner, x.count, config_.kv_heads, config_.head_dim, key_norm_, config_.eps});
  }
  if (rope.cosine != nullptr) {
    table_.f32_rotate_halves({k, 2 * inner, x.count, config_.kv_heads, config_.head_dim, rope.cosine,
                              rope.sine, places.positions});
  }
  for (const KeySegment& part : places.keys) {
    const float* from = k + part.row * 2 * inner;
    table_.f32_store_keys({from, from + inner, 2 * inner, part.count, part.key, cache});
  }
}

void Attention::attend(const Rows& x, std::size_t first, const TokenPlaces& places, const RopeTable& rope,
                       const kernels::KeyValues& cache, const Scratch& scratch, const Rows& out,
                       bool accumulate) const noexcept {
  const std::size_t inner = config_.query_width();
  float* q = scratch.queries;
  multiply(table_, query_, x, {q, inner, x.count});
  if (config_.qk_norm) {
    table_.f32_normalise_rms(
        {q, inner, q, inner, x.count, config_.heads, config_.head_dim, query_norm_, config_.eps});
  }
  if (rope.cosine != nullptr) {
    table_.f32_rotate_halves({q, inner, x.count, config_.heads, config_.head_dim, rope.cosine, rope.sine,
                              places.positions + first});
  }
  kernels::AttendRows call{q, inner, x.count,       config_.heads, cache,
                           0, 0,     scratch.mixed, inner,         scratch.scores};
  call.visible = places.visible + first;
  motorium::attend(workspace_, table_, call);
  multiply(table_, out_, {scratch.mixed, inner, x.count}, out, kernels::Activation::none, accumulate);
}

}  // namespace motorium
