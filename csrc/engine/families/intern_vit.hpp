#pragma once

#include "engine/families/being_h05_config.hpp"
#include "engine/layers/block.hpp"

namespace motorium {

/// InternViT and the connector: one view's pixels -> tokens in the width of the text stream.
class InternVit {
 public:
  InternVit(const BeingH05Config& config, Loader& loader);

  /// pixels: (3, image, image), normalised; out: view_tokens rows of text width.
  void run(const float* pixels, float* out, std::size_t view, Probe* probe) noexcept;

 private:
  void embed(const float* pixels) noexcept;
  void shuffle() noexcept;

  const kernels::KernelTable& table_;
  BeingH05Config config_;
  std::size_t width_, tokens_;
  Linear patch_, fc1_, fc2_;
  const float *class_, *position_;
  NormLayer norm_;
  std::vector<Block> blocks_;
  RopeTable rope_;  // stays empty: positions are learnt
  kernels::KeyValues cache_;
  Block::Scratch scratch_;
  KeySegment segment_;
  kernels::VisibleKeys* visible_;
  float *patches_, *x_, *shuffled_, *hidden_;
};

}  // namespace motorium
