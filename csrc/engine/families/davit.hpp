#pragma once

#include <vector>

#include "engine/families/davit_block.hpp"

namespace motorium {

/// DaViT, the vision tower of Florence-2: one view's pixels -> a map of tokens.
class Davit {
 public:
  Davit(const FlorenceConfig& config, Loader& loader);

  /// pixels: (3, image, image), normalised. The map stays valid until the next call.
  TokenMap run(const float* pixels, std::size_t view, Probe* probe) noexcept;

 private:
  struct Stage {
    Linear convolution;
    NormLayer norm;
    std::vector<DavitBlock> blocks;
  };
  TokenMap shrink(const Stage& stage, std::size_t index, const TokenMap& x) noexcept;

  const kernels::KernelTable& table_;
  FlorenceConfig config_;
  std::vector<Stage> stages_;
  DavitBlock::Scratch scratch_;
  float *maps_[2], *patches_;
};

}  // namespace motorium
