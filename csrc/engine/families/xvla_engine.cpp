#include "engine/families/xvla_engine.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace motorium {

void XvlaConfig::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("X-VLA config: ") + what);
  };
  head.check();
  require(
      head.embedding == Embedding::domain && head.mask == Mask::full && head.lead == 0 && head.prefix == 0,
      "the head embeds per domain, sees everything, and has neither lead nor prefix");
  require(feature_width >= 1 && feature_width <= 16384, "feature_width must be 1..16384");
  require(soft_prompts <= head.tail && positions >= head.rows && positions <= 65536,
          "soft prompts or positions out of range");
  require(head.tail - soft_prompts <= positions - head.rows, "features need a position each");
}

XvlaEngine::XvlaEngine(const XvlaConfig& source, const Tensors& tensors, const kernels::KernelTable& kernels,
                       const EngineOptions& options)
    : FamilyEngine(source, tensors, kernels, options), head_(config().head, {}, loader()) {
  const std::size_t width = config().head.block.width;
  features_ = loader().exact("features", width, config().feature_width, true);
  views_ = loader().exact("views", width, config().feature_width, true);
  position_ = loader().copy("position", {1, config().positions, width});
  soft_ = loader().copy("soft_prompt", {config().head.domains, config().soft_prompts * width});
  finish_loading();
  proprio_ = arena().floats(config().head.context);
}

/// Projects rows of features, which follow the first `place` tokens of the sequence.
void XvlaEngine::project(const Linear& linear, std::span<const float> from, std::size_t place) noexcept {
  const std::size_t width = config().head.block.width, features = config().feature_width;
  const std::size_t count = from.size() / features;
  float* to = head_.tail() + (place - config().head.rows) * width;
  multiply(table(), linear, {from.data(), features, count}, {to, width, count});
  table().f32_add_scaled({to, position_ + place * width, to, count * width, 1.0f});
}

DenoiseStatus XvlaEngine::encode(std::span<const float> features, std::span<const float> views,
                                 std::size_t domain, Probe* probe) noexcept {
  const std::size_t f = config().feature_width, width = config().head.block.width;
  if (features.size() % f != 0 || views.size() % f != 0) return DenoiseStatus::wrong_sizes;
  if (domain >= config().head.domains) return DenoiseStatus::out_of_range;
  const std::size_t first = features.size() / f, count = first + views.size() / f;
  if (count + config().soft_prompts > config().head.tail) return DenoiseStatus::out_of_range;
  const auto turn = wait_turn();
  domain_ = domain;
  project(features_, features, config().head.rows);
  project(views_, views, config().head.rows + first);
  const std::size_t prompts = config().soft_prompts * width;
  std::copy_n(soft_ + domain * prompts, prompts, head_.tail() + count * width);
  if (probe != nullptr)
    probe->see("xvla", "tail", 0, {head_.tail(), width, count + config().soft_prompts}, width);
  return head_.set_tail(count + config().soft_prompts);
}

DenoiseStatus XvlaEngine::denoise(Denoiser::Run call) noexcept {
  if (call.context.size() != config().head.context) return DenoiseStatus::wrong_sizes;
  const auto turn = wait_turn();
  // Channels that the action space zeroes are zero in proprio too.
  std::copy(call.context.begin(), call.context.end(), proprio_);
  for (const std::uint32_t channel : config().head.zeroed)
    if (channel < call.context.size()) proprio_[channel] = 0.0f;
  call.context = {proprio_, call.context.size()};
  call.domain = domain_;
  if (call.probe != nullptr)
    call.probe->see("xvla", "proprio", 0, {proprio_, call.context.size(), 1}, call.context.size());
  return head_.run(call);
}

}  // namespace motorium
