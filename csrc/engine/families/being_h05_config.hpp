#pragma once

#include <cstdint>

#include "engine/denoiser/denoiser_config.hpp"

namespace motorium {

/// Sizes of a Being-H0.5 checkpoint (config.json: vit_config, llm_config, expert_config).
struct BeingH05Config {
  /// Entries of a prompt that are not token ids.
  static constexpr std::int32_t kImageToken = -1;  ///< the next token of the views
  static constexpr std::int32_t kStateToken = -2;

  BlockConfig vit;  ///< layer norms, biases, layer scale, erf GELU
  std::size_t vit_layers = 1, image = 224, patch = 14;

  BlockConfig text;  ///< the understanding stream, Qwen3
  std::size_t vocabulary = 1;

  std::size_t slots = 200;  ///< of the state
  DenoiserConfig expert;    ///< the action stream; its prefix is the longest prompt

  std::size_t grid() const noexcept { return image / patch; }
  std::size_t patches() const noexcept { return grid() * grid(); }
  /// Returns the number of text tokens that one view becomes: 2 x 2 patches are merged.
  std::size_t view_tokens() const noexcept { return patches() / 4; }

  /// Throws std::invalid_argument when a size is zero, absurd or contradicts another.
  void check() const;
};

}  // namespace motorium
