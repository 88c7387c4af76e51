#pragma once

#include <vector>

#include "engine/layers/block_config.hpp"

namespace motorium {

/// One stage of DaViT: a convolution that shrinks the map, then pairs of a spatial and a channel block.
struct DavitStage {
  std::size_t width, depth, heads, groups;
  std::size_t patch, stride, padding;  ///< of the convolution
  bool norm_first;                     ///< the norm precedes the convolution
};

/// Florence-2's vision tower and language encoder, as X-VLA uses them.
struct FlorenceConfig {
  std::vector<DavitStage> stages;
  std::size_t image = 224, window = 12;
  std::size_t most_positions = 50;  ///< rows of the learnt row and column embeddings
  std::size_t temporal_positions = 100;
  BlockConfig text;  ///< BART encoder layers: norms after
  std::size_t text_layers = 1, vocabulary = 1;
  std::size_t most_tokens = 1;    ///< of the encoder, including image tokens
  std::size_t position_rows = 3;  ///< of its position table, whose first two are never used

  /// Returns the side of the map after `stage`.
  std::size_t side(std::size_t stage) const noexcept {
    std::size_t pixels = image;
    for (std::size_t s = 0; s <= stage; ++s)
      pixels = (pixels + 2 * stages[s].padding - stages[s].patch) / stages[s].stride + 1;
    return pixels;
  }
  /// Returns the number of tokens of one view: the map and its mean.
  std::size_t view_tokens() const noexcept { return side(stages.size() - 1) * side(stages.size() - 1) + 1; }

  /// Throws std::invalid_argument when a size is zero, absurd or contradicts another.
  void check() const;
};

}  // namespace motorium
