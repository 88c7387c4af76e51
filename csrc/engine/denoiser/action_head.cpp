#include "engine/denoiser/action_head.hpp"

#include <algorithm>

#include "engine/denoiser/slot_adapters.hpp"

namespace motorium {

ActionHead::ActionHead(const DenoiserConfig& config, std::span<const std::uint32_t> slots,
                       std::size_t slot_count, Loader& loader)
    : table_(loader.table()),
      width_(config.block.width),
      normed_(config.head_norm),
      activation_(config.head_activation) {
  if (normed_) norm_ = NormLayer("out.norm", config.block.norm, width_, config.block.eps, loader);
  if (config.embedding != Embedding::domain) {
    read_shared(config, slots, slot_count, loader);
    return;
  }
  const std::size_t c = config.channels;
  const float* fc = loader.raw("out.fc.weight", {config.domains, width_ * c});
  const float* bias = loader.raw("out.bias.weight", {config.domains, c});
  std::vector<float> weights(c * width_);
  for (std::size_t d = 0; d < config.domains; ++d) {
    for (std::size_t i = 0; i < width_; ++i)
      for (std::size_t o = 0; o < c; ++o) weights[o * width_ + i] = fc[(d * width_ + i) * c + o];
    out_.push_back(loader.packed(weights.data(), bias + d * c, c, width_));
  }
}

void ActionHead::read_shared(const DenoiserConfig& config, std::span<const std::uint32_t> slots,
                             std::size_t slot_count, Loader& loader) {
  const std::size_t all = slots.empty() ? config.channels : slot_count;
  const std::size_t inner = config.head_inner();
  inner_ = loader.exact("out.fc1", inner, width_, config.head_bias);
  hidden_ = loader.arena().floats(config.tokens() * inner);
  const float* weights = loader.raw("out.fc2.weight", {all, inner});
  const float* bias = config.head_bias ? loader.raw("out.fc2.bias", {all}) : nullptr;
  const SlotAdapters slot_wise(config, {"slot.out.weight", all, 1, inner}, loader);
  const std::size_t variants = std::max({config.adapters, slot_wise.embodiments(), std::size_t{1}});
  const bool adapted = config.adapters != 0;
  const float* dw = adapted ? loader.raw("adapter.out.weight", {variants, all, inner}) : nullptr;
  const float* db = adapted ? loader.raw("adapter.out.bias", {variants, all}) : nullptr;
  for (std::size_t e = 0; e < variants; ++e) {
    std::vector<float> picked(config.channels * inner);
    std::vector<float> picked_bias(config.channels, 0.0f);
    for (std::size_t c = 0; c < config.channels; ++c) {
      const std::size_t slot = slots.empty() ? c : slots[c];
      const float* matrix = slot_wise.find(e, c, slot);
      for (std::size_t i = 0; i < inner; ++i) {
        picked[c * inner + i] = weights[slot * inner + i];
        if (adapted) picked[c * inner + i] += dw[(e * all + slot) * inner + i];
        if (matrix != nullptr) picked[c * inner + i] += matrix[i];
      }
      if (bias != nullptr) picked_bias[c] = bias[slot];
      if (adapted) picked_bias[c] += db[e * all + slot];
    }
    out_.push_back(loader.packed(picked.data(), picked_bias.data(), config.channels, inner));
  }
}

void ActionHead::run(const Rows& tokens, const Rows& y) const noexcept {
  if (normed_) norm_.run(table_, tokens, tokens);
  if (inner_.packed == nullptr) return multiply(table_, out_[domain_], tokens, y);
  const Rows hidden{hidden_, inner_.n, tokens.count};
  multiply(table_, inner_, tokens, hidden, activation_);
  multiply(table_, out_[domain_], hidden, y);
}

}  // namespace motorium
