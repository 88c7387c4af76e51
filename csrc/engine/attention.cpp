#include "engine/attention.hpp"

namespace motorium {

Attention::Attention(const std::string& here, std::size_t width, const AttentionSizes& sizes, Loader& loader)
    : table_(loader.table()), width_(width), sizes_(sizes) {
  const std::size_t inner = sizes.heads * sizes.head_dim;
  norm_ = loader.copy(here + "norm1.weight", {width});
  query_norm_ = loader.copy(here + "q_norm.weight", {sizes.head_dim});
  key_norm_ = loader.copy(here + "k_norm.weight", {sizes.head_dim});
  query_ = loader.linear(here + "q", inner, width, false);
  key_value_ = loader.stacked({here + "k", here + "v"}, inner, width);
  out_ = loader.linear(here + "o", width, inner, false);
}

Attention::Scratch Attention::make_scratch(std::size_t rows, std::size_t width, const AttentionSizes& sizes,
                                           std::size_t capacity, Loader& loader) {
  const std::size_t inner = sizes.heads * sizes.head_dim;
  Arena& arena = loader.arena();
  return {arena.floats(rows * width), arena.floats(rows * inner), arena.floats(rows * 2 * inner),
          arena.floats(rows * inner), arena.floats(kernels::score_floats(capacity, loader.table().panel))};
}

void Attention::run(const Rows& x, const kernels::KeyValues& cache, const Span& span,
                    const Scratch& scratch) const noexcept {
  const std::size_t inner = sizes_.heads * sizes_.head_dim;
  const std::size_t queries = x.count - span.first_query;
  table_.f32_normalise_rms(
      {x.data, x.stride, scratch.normed, width_, x.count, 1, width_, norm_, sizes_.rms_eps});
  const Rows normed{scratch.normed, width_, x.count};

  float* k = scratch.keys_values;
  multiply(table_, key_value_, normed, {k, 2 * inner, x.count});
  table_.f32_normalise_rms(
      {k, 2 * inner, k, 2 * inner, x.count, sizes_.heads, sizes_.head_dim, key_norm_, sizes_.rms_eps});
  table_.f32_store_keys({k, k + inner, 2 * inner, x.count, span.first_key, cache});

  float* q = scratch.queries;
  multiply(table_, query_, {scratch.normed + span.first_query * width_, width_, queries},
           {q, inner, queries});
  table_.f32_normalise_rms(
      {q, inner, q, inner, queries, sizes_.heads, sizes_.head_dim, query_norm_, sizes_.rms_eps});
  table_.f32_attend_rows({q, inner, queries, sizes_.heads, cache, span.visible_first, span.visible_step,
                          scratch.mixed, inner, scratch.scores});
  multiply(table_, out_, {scratch.mixed, inner, queries},
           {x.data + span.first_query * x.stride, x.stride, queries}, kernels::Activation::none, true);
}

}  // namespace motorium
