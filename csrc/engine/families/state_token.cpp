#include "engine/families/state_token.hpp"

#include <algorithm>

#include "motorium/slot_space.hpp"

namespace motorium {

using kernels::Activation;

StateToken::StateToken(const NanoConfig& config, Loader& loader)
    : table_(loader.table()), width_(config.expert_width) {
  const float* weights = loader.raw("state.fc1.weight", {width_, kSlots});
  std::vector<float> picked;  // without unmapped slots, whose columns would multiply zeros
  for (std::size_t row = 0; row < width_; ++row)
    for (const NanoStateChannel& channel : config.state)
      picked.push_back(weights[row * kSlots + channel.slot]);
  fc1_ = loader.packed(picked.data(), loader.raw("state.fc1.bias", {width_}), width_, config.state.size());
  fc2_ = loader.exact("state.fc2", width_, width_, true);
  scene_ = loader.exact("scene.embed", width_, config.scene, true);
  hidden_ = loader.arena().floats(width_);
}

void StateToken::run(std::span<const float> state, std::span<const float> scene, float* out) noexcept {
  multiply(table_, fc1_, {state.data(), state.size(), 1}, {hidden_, width_, 1}, Activation::relu);
  multiply(table_, fc2_, {hidden_, width_, 1}, {out, width_, 1});
  multiply(table_, scene_, {scene.data(), scene.size(), 1}, {out, width_, 1}, Activation::none, true);
}

BlockConfig nano_block(const NanoConfig& config, std::size_t width, std::size_t mlp) {
  BlockConfig block;
  block.width = width;
  block.heads = block.kv_heads = config.heads;
  block.head_dim = config.head_dim;
  block.mlp = mlp;
  block.qk_norm = true;
  block.eps = config.rms_eps;
  return block;
}

DenoiserConfig expert_config(const NanoConfig& config) {
  DenoiserConfig c;
  c.block = nano_block(config, config.expert_width, config.expert_mlp);
  c.layers = config.layers;
  c.shared_layers = config.shared_layers;
  c.experts = config.experts;
  c.top_k = config.top_k;
  c.routed_mlp = config.routed_mlp;
  c.rows = config.rows;
  c.channels = config.action.size();
  c.lead = 1;
  c.prefix = config.prefix_tokens();
  c.learnt_positions = true;
  c.time = {config.expert_width, 1000.0f, 10000.0f, false, false};
  for (const std::vector<std::uint32_t>& active : config.slot_adapters) {
    std::vector<std::uint32_t>& channels = c.slot_adapters.emplace_back();
    for (std::uint32_t channel = 0; channel < config.action.size(); ++channel)
      if (std::find(active.begin(), active.end(), config.action[channel].slot) != active.end())
        channels.push_back(channel);
  }
  return c;
}

std::vector<std::uint32_t> action_slots(const NanoConfig& config) {
  std::vector<std::uint32_t> slots;
  for (const NanoActionChannel& channel : config.action) slots.push_back(channel.slot);
  return slots;
}

}  // namespace motorium
