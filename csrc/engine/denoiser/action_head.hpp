#pragma once

#include <span>

#include "engine/denoiser/denoiser_config.hpp"
#include "engine/layers/norm.hpp"

namespace motorium {

/// Turns tokens into the flow's prediction: out.norm, then fc2(activation(fc1)), or one linear map per
/// domain.
class ActionHead {
 public:
  /// `slots`: rows of the last map for the channels; empty: all of them.
  ActionHead(const DenoiserConfig& config, std::span<const std::uint32_t> slots, std::size_t slot_count,
             Loader& loader);

  void prepare(std::size_t domain) noexcept { domain_ = domain < out_.size() ? domain : out_.size() - 1; }

  /// Overwrites tokens by their normalised values; y: rows of `channels` floats.
  void run(const Rows& tokens, const Rows& y) const noexcept;

 private:
  void read_shared(const DenoiserConfig& config, std::span<const std::uint32_t> slots, std::size_t slot_count,
                   Loader& loader);

  const kernels::KernelTable& table_;
  std::size_t width_;
  bool normed_;
  kernels::Activation activation_;
  NormLayer norm_;
  Linear inner_{};  // packed null: none
  std::vector<Linear> out_;
  float* hidden_ = nullptr;
  std::size_t domain_ = 0;
};

}  // namespace motorium
