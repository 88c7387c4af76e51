#pragma once

#include <string>

#include "engine/cpu/loader.hpp"
#include "engine/denoiser/denoiser_config.hpp"

namespace motorium {

/// Slot-wise adapters (Being-H0.5, eq. 12): a bank (slots, outputs, inputs) with one small matrix per slot,
/// of which an embodiment uses those of its active channels. Two embodiments that share a slot share its
/// matrix. Only valid while loading, when matrices are added to the weights that they adapt.
class SlotAdapters {
 public:
  struct Bank {
    std::string name;
    std::size_t slots, outputs, inputs;
  };
  SlotAdapters(const DenoiserConfig& config, const Bank& bank, Loader& loader)
      : active_(config.slot_adapters), size_(bank.outputs * bank.inputs) {
    if (!active_.empty()) bank_ = loader.raw(bank.name, {bank.slots, bank.outputs, bank.inputs});
  }

  std::size_t embodiments() const noexcept { return active_.size(); }

  /// Returns the matrix of `slot`, row by row; null where `embodiment` does not use `channel`.
  const float* find(std::size_t embodiment, std::size_t channel, std::size_t slot) const noexcept {
    if (bank_ == nullptr) return nullptr;
    const auto& active = active_[embodiment];
    const bool used = std::find(active.begin(), active.end(), channel) != active.end();
    return used ? bank_ + slot * size_ : nullptr;
  }

 private:
  const std::vector<std::vector<std::uint32_t>>& active_;
  std::size_t size_;
  const float* bank_ = nullptr;
};

}  // namespace motorium
