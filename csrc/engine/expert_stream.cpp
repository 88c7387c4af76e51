#include "engine/expert_stream.hpp"

#include <algorithm>
#include <cmath>

#include "motorium/slot_space.hpp"

namespace motorium {

using kernels::Activation;

namespace {

/// The columns `slots` of a (n, 200) weight: everything else multiplies zeros.
template <typename Channels>
std::vector<float> pick_columns(const float* weights, std::size_t n, const Channels& channels) {
  std::vector<float> picked;
  for (std::size_t row = 0; row < n; ++row)
    for (const auto& channel : channels) picked.push_back(weights[row * kSlots + channel.slot]);
  return picked;
}

struct ActionEmbedding {
  Linear from_action, from_time;
};

/// W2 [W1 x + b1 ; tau] + b2 = (W2a W1) x + (W2a b1 + b2) + W2b tau: two linear maps in a row are one.
ActionEmbedding fold_action_embedding(const NanoConfig& config, Loader& loader) {
  const std::size_t a = config.expert_width;
  const std::size_t channels = config.action.size();
  const std::vector<float> w1 = pick_columns(loader.raw("action.w1.weight", {a, kSlots}), a, config.action);
  const float* b1 = loader.raw("action.w1.bias", {a});
  const float* w2 = loader.raw("action.w2.weight", {a, 2 * a});
  const float* b2 = loader.raw("action.w2.bias", {a});
  std::vector<float> folded(a * channels);
  std::vector<float> bias(a);
  std::vector<float> time(a * a);
  for (std::size_t row = 0; row < a; ++row) {
    double offset = b2[row];
    std::vector<double> sums(channels, 0.0);
    for (std::size_t i = 0; i < a; ++i) {
      const double factor = w2[row * 2 * a + i];
      offset += factor * b1[i];
      for (std::size_t c = 0; c < channels; ++c) sums[c] += factor * w1[i * channels + c];
      time[row * a + i] = w2[row * 2 * a + a + i];
    }
    bias[row] = static_cast<float>(offset);
    for (std::size_t c = 0; c < channels; ++c) folded[row * channels + c] = static_cast<float>(sums[c]);
  }
  return {loader.packed(folded.data(), nullptr, a, channels), loader.packed(time.data(), bias.data(), a, a)};
}

/// Rows of a (200, n) weight and bias: only mapped slots are ever read.
Linear pick_outputs(const NanoConfig& config, Loader& loader) {
  const std::size_t a = config.expert_width;
  const float* weights = loader.raw("out.fc2.weight", {kSlots, a});
  const float* bias = loader.raw("out.fc2.bias", {kSlots});
  std::vector<float> picked;
  std::vector<float> picked_bias;
  for (const NanoActionChannel& channel : config.action) {
    picked.insert(picked.end(), weights + channel.slot * a, weights + (channel.slot + 1) * a);
    picked_bias.push_back(bias[channel.slot]);
  }
  return loader.packed(picked.data(), picked_bias.data(), config.action.size(), a);
}

}  // namespace

ExpertStream::ExpertStream(const NanoConfig& config, Loader& loader)
    : table_(loader.table()),
      rows_(config.rows),
      width_(config.expert_width),
      channels_(config.action.size()),
      prefix_tokens_(config.prefix_tokens()),
      eps_(config.rms_eps) {
  const std::size_t a = width_;
  const std::vector<float> fc1 = pick_columns(loader.raw("state.fc1.weight", {a, kSlots}), a, config.state);
  state_fc1_ = loader.packed(fc1.data(), loader.raw("state.fc1.bias", {a}), a, config.state.size());
  state_fc2_ = loader.linear("state.fc2", a, a, true);
  scene_embed_ = loader.linear("scene.embed", a, config.scene, true);
  const ActionEmbedding embedding = fold_action_embedding(config, loader);
  action_in_ = embedding.from_action;
  action_time_ = embedding.from_time;
  action_out_ = loader.linear("action.w3", a, a, true);
  out_fc1_ = loader.linear("out.fc1", a, a, true);
  out_fc2_ = pick_outputs(config, loader);
  position_ = loader.copy("action.position", {rows_, a});
  out_norm_ = loader.copy("out.norm.weight", {a});

  const AttentionSizes sizes{config.heads, config.head_dim, config.rms_eps};
  const RoutedMlp::Sizes routed{a, config.routed_mlp, config.experts, config.top_k, config.rms_eps};
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    const std::string here = "layers." + std::to_string(layer) + ".expert.";
    attention_.emplace_back(here, a, sizes, loader);
    if (layer < config.shared_layers) {
      shared_.emplace_back(here, a, config.expert_mlp, config.rms_eps, loader);
    } else {
      routed_.emplace_back(here, routed, rows_ + 1, loader);
    }
  }
  Arena& arena = loader.arena();
  const std::size_t tokens = rows_ + 1;
  scratch_ = Attention::make_scratch(tokens, a, sizes, prefix_tokens_ + tokens, loader);
  state_ = arena.floats(a);
  x_ = arena.floats(tokens * a);
  embedded_ = arena.floats(tokens * a);
  hidden_ = arena.floats(tokens * std::max({config.expert_mlp, config.routed_mlp, a}));
  sinusoid_ = arena.floats(a);
  time_steps_ = arena.floats(kMostSteps * a);
  time_done_ = arena.floats(a);
  time_term(1.0, time_done_);
}

void ExpertStream::time_term(double t, float* out) noexcept {
  const std::size_t half = width_ / 2;
  for (std::size_t j = 0; j < half; ++j) {
    const double angle = 1000.0 * t * std::pow(10000.0, -static_cast<double>(j) / static_cast<double>(half));
    sinusoid_[j] = static_cast<float>(std::sin(angle));
    sinusoid_[half + j] = static_cast<float>(std::cos(angle));
  }
  multiply(table_, action_time_, {sinusoid_, width_, 1}, {out, width_, 1});
}

void ExpertStream::set_steps(std::size_t steps) noexcept {
  if (steps == steps_) return;
  for (std::size_t k = 0; k < steps; ++k)
    time_term(static_cast<double>(k) / static_cast<double>(steps), time_steps_ + k * width_);
  steps_ = steps;
}

void ExpertStream::set_state(std::span<const float> state, std::span<const float> scene) noexcept {
  // Reading through Rows is non-const by type only: multiply() never writes to its input.
  float* input = const_cast<float*>(state.data());
  float* readout = const_cast<float*>(scene.data());
  multiply(table_, state_fc1_, {input, state.size(), 1}, {hidden_, width_, 1}, Activation::relu);
  multiply(table_, state_fc2_, {hidden_, width_, 1}, {state_, width_, 1});
  multiply(table_, scene_embed_, {readout, scene.size(), 1}, {state_, width_, 1}, Activation::none, true);
}

void ExpertStream::embed_actions(const float* x, std::size_t first, std::size_t locked,
                                 std::size_t step) noexcept {
  const std::size_t count = rows_ - first;
  float* hidden = hidden_;
  for (std::size_t row = first; row < rows_; ++row) {
    const float* term = row < locked ? time_done_ : time_steps_ + step * width_;
    std::copy(term, term + width_, hidden + (row - first) * width_);
  }
  float* input = const_cast<float*>(x) + first * channels_;
  multiply(table_, action_in_, {input, channels_, count}, {hidden, width_, count}, Activation::none, true);
  table_.f32_apply_unary({hidden, hidden, count * width_, kernels::Unary::silu});
  multiply(table_, action_out_, {hidden, width_, count}, {embedded_, width_, count});
  table_.f32_add_scaled({embedded_, position_ + first * width_, embedded_, count * width_, 1.0f});
}

void ExpertStream::velocity(const float* x, std::size_t locked, std::size_t step,
                            std::span<const kernels::KeyValues> caches, float* velocity) noexcept {
  const bool first_step = step == 0;
  const std::size_t first = first_step ? 0 : locked;
  const std::size_t actions = rows_ - first;
  embed_actions(x, first, locked, step);
  float* next = x_;
  if (first_step) next = std::copy(state_, state_ + width_, next);
  std::copy(embedded_, embedded_ + actions * width_, next);

  const Rows tokens{x_, width_, actions + (first_step ? 1 : 0)};
  const std::size_t first_key = prefix_tokens_ + (first_step ? 0 : 1 + first);
  const std::size_t shared = shared_.size();
  for (std::size_t layer = 0; layer < attention_.size(); ++layer) {
    attention_[layer].run(tokens, caches[layer], {first_key, 0, first_key + 1, 1}, scratch_);
    if (layer < shared) {
      shared_[layer].run(tokens, scratch_.normed, hidden_);
    } else {
      routed_[layer - shared].run(tokens, scratch_.normed, hidden_);
    }
  }
  const std::size_t moving = rows_ - locked;
  float* out = x_ + (tokens.count - moving) * width_;
  table_.f32_normalise_rms({out, width_, out, width_, moving, 1, width_, out_norm_, eps_});
  multiply(table_, out_fc1_, {out, width_, moving}, {hidden_, width_, moving}, Activation::silu);
  multiply(table_, out_fc2_, {hidden_, width_, moving}, {velocity + locked * channels_, channels_, moving});
}

}  // namespace motorium
