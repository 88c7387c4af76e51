#include "engine/families/nano_engine.hpp"

#include <algorithm>

namespace motorium {

const char* describe(EngineStatus status) noexcept {
  switch (status) {
    case EngineStatus::ok:
      return "ok";
    case EngineStatus::wrong_sizes:
      return "an input's size is not the one the checkpoint declares";
    case EngineStatus::token_out_of_range:
      return "a token id is outside the vocabulary";
    case EngineStatus::embodiment_out_of_range:
      return "the embodiment index is outside the checkpoint's list";
    case EngineStatus::not_encoded:
      return "denoise() needs encode() first";
  }
  return "unknown status";
}

NanoEngine::NanoEngine(const NanoConfig& source, const Tensors& tensors, const kernels::KernelTable& kernels,
                       const EngineOptions& options)
    : FamilyEngine(source, tensors, kernels, options),
      slots_(action_slots(config())),
      prefix_(config(), loader()),
      state_token_(config(), loader()),
      expert_(expert_config(config()), {slots_, kSlots}, loader()),
      scale_(config(), table(), arena()) {
  finish_loading();
  expert_.set_prefix(config().prefix_tokens(), 0);
  const std::size_t values = config().rows * config().action.size();
  state_ = arena().floats(config().state.size());
  x_ = arena().floats(values);
  noise_ = arena().floats(values);
  committed_ = arena().floats(values);
  guide_ = arena().floats(values);
}

EngineStatus NanoEngine::encode(std::span<const std::uint8_t* const> images,
                                std::span<const std::int32_t> tokens, std::size_t embodiment) noexcept {
  if (images.size() != config().views.size() || tokens.size() != config().max_tokens)
    return EngineStatus::wrong_sizes;
  if (embodiment >= config().embodiments) return EngineStatus::embodiment_out_of_range;
  for (std::int32_t token : tokens) {
    if (token < 0 || static_cast<std::size_t>(token) >= config().vocabulary)
      return EngineStatus::token_out_of_range;
  }
  const auto turn = wait_turn();
  prefix_.run(images, tokens, embodiment, expert_.caches());
  encoded_ = true;
  embodiment_ = embodiment;
  return EngineStatus::ok;
}

EngineStatus NanoEngine::denoise(const Denoise& call) noexcept {
  const std::size_t rows = config().rows;
  const std::size_t channels = config().action.size();
  const std::size_t committed = call.committed.size() / kSlots;
  if (call.state.size() != kSlots || call.noise.size() != rows * kSlots || call.out.size() != rows * kSlots ||
      call.committed.size() % kSlots != 0 || committed > rows || call.steps == 0 ||
      call.steps > Schedule::kMaxSteps || call.pull.size() > rows ||
      call.previous.size() != call.pull.size() * kSlots) {
    return EngineStatus::wrong_sizes;
  }
  const auto turn = wait_turn();
  if (!encoded_) return EngineStatus::not_encoded;
  for (std::size_t c = 0; c < config().state.size(); ++c) {
    const NanoStateChannel& channel = config().state[c];
    state_[c] = (call.state[channel.slot] - channel.mean) / channel.std;
  }
  for (std::size_t i = 0; i < rows * channels; ++i)
    noise_[i] = call.noise[i / channels * kSlots + config().action[i % channels].slot];
  scale_.set_state(call.state.data());
  scale_.to_network(call.committed.data(), committed, committed_);
  state_token_.run({state_, config().state.size()}, prefix_.scene(), expert_.lead());
  const std::size_t values = rows * channels;
  scale_.to_network(call.previous.data(), call.pull.size(), guide_);
  Denoiser::Run run{{noise_, values}, {committed_, committed * channels}, call.steps, {x_, values}};
  if (!config().slot_adapters.empty()) run.domain = embodiment_;
  run.guidance = {{guide_, call.pull.size() * channels}, call.pull, call.pull_limit};
  const DenoiseStatus status = expert_.run(run);
  if (status != DenoiseStatus::ok) return EngineStatus::wrong_sizes;

  std::fill_n(call.out.begin(), committed * kSlots, 0.0f);
  for (std::size_t i = 0; i < committed * channels; ++i) {
    const std::size_t at = i / channels * kSlots + config().action[i % channels].slot;
    call.out[at] = call.committed[at];
  }
  scale_.to_slots(x_, committed, rows, call.out.data());
  return EngineStatus::ok;
}

void NanoEngine::read_scene(std::span<float> out) const noexcept {
  const auto turn = wait_turn();
  const std::span<const float> scene = prefix_.scene();
  std::copy_n(scene.begin(), std::min(scene.size(), out.size()), out.begin());
}

void NanoEngine::read_pictures(std::span<float> out) const noexcept {
  const auto turn = wait_turn();
  const std::span<const float> pooled = prefix_.pooled();
  std::copy_n(pooled.begin(), std::min(pooled.size(), out.size()), out.begin());
}

}  // namespace motorium
