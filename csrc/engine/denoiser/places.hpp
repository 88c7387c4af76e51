#pragma once

#include "engine/denoiser/denoiser_config.hpp"
#include "engine/layers/attention.hpp"

namespace motorium {

/// Keys, positions and visible keys of the sequence [lead | actions | tail] after a prefix.
class Places {
 public:
  Places(const DenoiserConfig& config, Arena& arena);

  struct Sequence {
    std::size_t prefix;     ///< keys that others cache
    std::size_t position;   ///< of the first token
    std::size_t tail;       ///< tokens after the actions
    std::size_t committed;  ///< rows of the actions
  };
  void lay_out(const Sequence& sequence) noexcept;

  std::size_t count() const noexcept { return count_; }
  std::size_t position(std::size_t token) const noexcept { return positions_[token]; }
  bool sees(std::size_t token, std::size_t key) const noexcept {
    const auto [gap_first, gap_last, last] = visible_[token];
    return key < last && (key < gap_first || key >= gap_last);
  }

  /// Returns the number of leading tokens that neither change between steps nor see one that does;
  /// `committed` rows do not change.
  std::size_t still(std::size_t committed) const noexcept;

  /// Returns the places of the tokens from `first` on.
  TokenPlaces from(std::size_t first) noexcept;

 private:
  kernels::VisibleKeys visible_keys(std::size_t token, std::size_t prefix) const noexcept;

  const DenoiserConfig& config_;
  std::size_t prefix_ = 0, count_ = 0;
  std::uint32_t* positions_;
  kernels::VisibleKeys* visible_;
  KeySegment segment_{};
};

}  // namespace motorium
