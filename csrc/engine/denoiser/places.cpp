#include "engine/denoiser/places.hpp"

#include <algorithm>

namespace motorium {

Places::Places(const DenoiserConfig& config, Arena& arena)
    : config_(config),
      positions_(arena.indices(config.tokens())),
      visible_(reinterpret_cast<kernels::VisibleKeys*>(arena.indices(3 * config.tokens()))) {
  static_assert(sizeof(kernels::VisibleKeys) == 3 * sizeof(std::uint32_t));
}

kernels::VisibleKeys Places::visible_keys(std::size_t token, std::size_t prefix) const noexcept {
  const std::size_t all = prefix + count_;
  const std::size_t lead = prefix + config_.lead;
  std::size_t gap_first = all, gap_last = all, last = all;
  switch (config_.mask) {
    case Mask::full:
      break;
    case Mask::block:
      if (token < config_.lead) last = lead;
      break;
    case Mask::lambda:
    case Mask::causal:
      last = prefix + token + 1;
      if (config_.mask == Mask::lambda && token > config_.lead + config_.window) {
        gap_first = lead;
        gap_last = prefix + token - config_.window;
      }
  }
  const auto narrow = [last](std::size_t key) { return static_cast<std::uint32_t>(std::min(key, last)); };
  return {narrow(gap_first), narrow(gap_last), narrow(last)};
}

void Places::lay_out(const Sequence& sequence) noexcept {
  prefix_ = sequence.prefix;
  count_ = config_.lead + config_.rows + sequence.tail;
  for (std::size_t token = 0; token < count_; ++token) {
    const std::size_t gap = token >= config_.lead + sequence.committed ? config_.rope_gap : 0;
    positions_[token] = static_cast<std::uint32_t>(sequence.position + token + gap);
    visible_[token] = visible_keys(token, sequence.prefix);
  }
}

std::size_t Places::still(std::size_t committed) const noexcept {
  if (config_.block.adaptive || config_.mask == Mask::full) return 0;
  // With a block mask committed rows see the step's rows; without committed_done they get its time.
  const bool moves = config_.mask == Mask::block || !config_.committed_done;
  return moves ? config_.lead : config_.lead + committed;
}

TokenPlaces Places::from(std::size_t first) noexcept {
  segment_ = {0, prefix_ + first, count_ - first};
  return {{&segment_, 1}, positions_ + first, visible_ + first};
}

}  // namespace motorium
