#pragma once

#include "engine/loader.hpp"

namespace motorium {

/// Sizes that both streams share.
struct AttentionSizes {
  std::size_t heads, head_dim;
  float rms_eps;
};

/// Pre-norm attention of one stream in one layer; keys and values go to a cache both streams read.
class Attention {
 public:
  /// `here`: name prefix such as "layers.0.prefix."; `width`: the stream's; `rows`: the most it will be
  /// given.
  Attention(const std::string& here, std::size_t width, const AttentionSizes& sizes, Loader& loader);

  struct Scratch {
    float *normed, *queries, *keys_values, *mixed, *scores;
  };
  static Scratch make_scratch(std::size_t rows, std::size_t width, const AttentionSizes& sizes,
                              std::size_t capacity, Loader& loader);

  struct Span {
    std::size_t first_key;      ///< cache position of row 0
    std::size_t first_query;    ///< rows below this only leave keys and values
    std::size_t visible_first;  ///< keys seen by the first query
    std::size_t visible_step;   ///< 0 full, 1 causal
  };
  /// x: (rows, width), updated in place for rows first_query and up.
  void run(const Rows& x, const kernels::KeyValues& cache, const Span& span,
           const Scratch& scratch) const noexcept;

 private:
  const kernels::KernelTable& table_;
  std::size_t width_;
  AttentionSizes sizes_;
  const float *norm_, *query_norm_, *key_norm_;
  Linear query_, key_value_, out_;
};

}  // namespace motorium
