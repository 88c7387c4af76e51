#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/families/nano_config.hpp"
#include "engine/families/vision.hpp"
#include "engine/layers/block.hpp"

namespace motorium {

/// Encodes an observation: soft prompt, text, views, readout. Runs once per observation and leaves keys and
/// values.
class PrefixStream {
 public:
  PrefixStream(const NanoConfig& config, Loader& loader);

  /// images: one per view; tokens: max_tokens ids below the vocabulary; caches: one per layer.
  void run(std::span<const std::uint8_t* const> images, std::span<const std::int32_t> tokens,
           std::size_t embodiment, std::span<const kernels::KeyValues> caches) noexcept;

  /// Returns the S normalised values read out in the last run.
  std::span<const float> scene() const noexcept { return {scene_, scene_head_.n}; }

  /// Returns the mean of each view's tokens in the last run, before any attention: V rows of U values.
  std::span<const float> pooled() const noexcept { return {pooled_, views_.size() * width_}; }

 private:
  void embed(std::span<const std::uint8_t* const> images, std::span<const std::int32_t> tokens,
             std::size_t embodiment) noexcept;

  const kernels::KernelTable& table_;
  std::size_t width_, tokens_, soft_tokens_;
  float eps_;
  std::vector<Vision> views_;
  std::vector<Block> blocks_;
  RopeTable rope_;  // stays empty: positions are learnt
  Block::Scratch scratch_;
  KeySegment segment_;
  kernels::VisibleKeys* visible_;
  const float *embedding_, *text_position_, *soft_prompt_, *readout_, *scene_norm_;
  Linear scene_head_;
  float *x_, *text_pool_, *pooled_, *scene_;
};

}  // namespace motorium
