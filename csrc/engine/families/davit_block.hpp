#pragma once

#include <optional>

#include "engine/families/florence_config.hpp"
#include "engine/layers/attention.hpp"
#include "engine/layers/mlp.hpp"
#include "engine/layers/norm.hpp"

namespace motorium {

/// A map of tokens, row-major, channels last.
struct TokenMap {
  float* data;
  std::size_t side, width;

  std::size_t count() const noexcept { return side * side; }
  Rows rows() const noexcept { return {data, width, count()}; }
};

/// One half of a DaViT pair: x += depthwise(x); x += attention(norm x); x += depthwise(x); x += mlp(norm x).
/// Attention runs inside windows (spatial) or between channels (channel).
class DavitBlock {
 public:
  DavitBlock(const std::string& here, const DavitStage& stage, std::size_t window, bool spatial,
             Loader& loader);

  /// Shared by all blocks of a tower; sizes in floats for the largest stage.
  struct Scratch {
    float *normed, *wide, *window_in, *window_out, *zeros;
    float *keys, *values, *transposed, *mixed, *scores;
    Attention::Scratch attention;
    kernels::VisibleKeys* visible;
  };
  static Scratch make_scratch(const FlorenceConfig& config, Loader& loader);

  void run(const TokenMap& x, const Scratch& scratch) const noexcept;

 private:
  struct Depthwise {
    const float *taps, *bias;  // (9, width), (width)
  };
  static Depthwise read_depthwise(const std::string& name, std::size_t width, Loader& loader);

  void convolve(const Depthwise& depthwise, const TokenMap& x, const Scratch& scratch) const noexcept;
  void attend_windows(const TokenMap& x, const Scratch& scratch) const noexcept;
  void attend_channels(const TokenMap& x, const Scratch& scratch) const noexcept;

  const kernels::KernelTable& table_;
  std::size_t window_, heads_;
  bool spatial_;
  Depthwise conv1_, conv2_;
  NormLayer norm1_, norm2_;
  std::optional<Attention> attention_;  // spatial
  Linear qkv_{}, out_{};                // channel
  Mlp mlp_;
};

}  // namespace motorium
