#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/being_h05_config.hpp"

namespace motorium {

/// The understanding stream of a Mixture-of-Transformers: text and image tokens, causal, with the state token
/// of the action stream between them. Leaves keys and values in the denoiser's caches.
class BeingH05Prefix {
 public:
  BeingH05Prefix(const BeingH05Config& config, Denoiser& expert, Loader& loader);

  struct Tokens {
    std::span<const std::int32_t> prompt;  ///< ids, or BeingH05Config::kImageToken, kStateToken
    const float* images;                   ///< rows of text width, taken in order
    const float* state;                    ///< the state token, action width
    std::size_t first_key;                 ///< index of the first token in the sequence
    Probe* probe;
  };
  void run(const Tokens& tokens) noexcept;

 private:
  void lay_out(const Tokens& tokens) noexcept;
  void show_norms(const Tokens& tokens) noexcept;

  const kernels::KernelTable& table_;
  std::size_t width_, action_width_;
  Denoiser& expert_;
  const float* embedding_;
  NormLayer norm_, action_norm_;
  std::vector<Block> blocks_;
  Block::Scratch scratch_;
  float *x_, *state_;
  std::uint32_t *positions_, *state_position_;
  kernels::VisibleKeys *visible_, *state_visible_;
  KeySegment segments_[2], state_segment_{};
  std::size_t count_ = 0, segment_count_ = 0;
  bool has_state_ = false;
};

}  // namespace motorium
