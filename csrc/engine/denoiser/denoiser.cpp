#include "engine/denoiser/denoiser.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "engine/cpu/key_cache.hpp"
#include "engine/denoiser/sinusoid.hpp"

namespace motorium {
namespace {

const DenoiserConfig& checked(const DenoiserConfig& config) {
  config.check();
  return config;
}

std::vector<Block> read_blocks(const DenoiserConfig& c, Loader& loader) {
  std::vector<Block> blocks;
  const RoutedMlp::Sizes routed{c.block.width, c.routed_mlp, c.experts, c.top_k};
  for (std::size_t layer = 0; layer < c.layers; ++layer) {
    const std::string here = "layers." + std::to_string(layer) + ".expert.";
    if (c.routed() && layer >= c.shared_layers) {
      blocks.emplace_back(here, c.block, routed, c.tokens(), loader);
    } else {
      blocks.emplace_back(here, c.block, loader);
    }
  }
  return blocks;
}

std::vector<kernels::KeyValues> make_caches(const DenoiserConfig& c, Loader& loader) {
  std::vector<kernels::KeyValues> caches;
  for (std::size_t layer = 0; layer < c.layers; ++layer)
    caches.push_back(make_cache(c.block.kv_heads, c.block.head_dim, c.keys(), loader));
  return caches;
}

}  // namespace

const char* describe(DenoiseStatus status) noexcept {
  switch (status) {
    case DenoiseStatus::ok:
      return "ok";
    case DenoiseStatus::wrong_sizes:
      return "an input's size is not the one the config declares";
    case DenoiseStatus::out_of_range:
      return "a count, position or index is beyond what the config declares";
  }
  return "unknown status";
}

Denoiser::Denoiser(const DenoiserConfig& config, const SlotChoice& slots, Loader& loader)
    : config_(checked(config)),
      table_(loader.table()),
      embedding_(config_, slots.slots, slots.slot_count, loader),
      head_(config_, slots.slots, slots.slot_count, loader),
      blocks_(read_blocks(config_, loader)),
      caches_(make_caches(config_, loader)),
      places_(config_, loader.arena()) {
  if (config_.rope_theta != 0.0f) {
    // Rows of three axes are recomputed where a prefix ends; other tables hold every position.
    const bool axes = !config_.rope_sections.empty();
    const std::size_t count = axes ? config_.tokens() + config_.rope_gap : config_.most_positions();
    rope_ = make_rope(config_.rope_theta, config_.block.head_dim, count, loader.arena());
  }
  if (config_.block.adaptive) modulation_.emplace(config_, loader);
  if (config_.gate.width != 0) gate_.emplace(config_, loader);
  const std::size_t tokens = config_.tokens();
  const std::size_t width = config_.block.width;
  scratch_ = Block::make_scratch(tokens, config_.block, config_.keys(),
                                 std::max(config_.block.mlp, config_.routed_mlp), &rope_, "expert", loader);
  Arena& arena = loader.arena();
  lead_ = arena.floats(config_.lead * width);
  tail_ = arena.floats(config_.tail * width);
  x_ = arena.floats(config_.rows * config_.channels);
  masked_ = arena.floats(config_.rows * config_.channels);
  velocity_ = arena.floats(config_.rows * config_.channels);
  embedded_ = arena.floats(config_.rows * width);
  tokens_ = arena.floats(tokens * width);
  times_ = arena.indices(config_.rows);
}

DenoiseStatus Denoiser::set_prefix(std::size_t keys, const std::array<std::size_t, 3>& positions) noexcept {
  if (keys > config_.prefix) return DenoiseStatus::out_of_range;
  const std::size_t most = config_.most_positions(), behind = config_.tokens() + config_.rope_gap;
  const bool axes = !config_.rope_sections.empty();
  for (const std::size_t position : positions) {
    if (rope_.cosine != nullptr && (position > most || behind > most - position))
      return DenoiseStatus::out_of_range;
    if (!axes && position != positions[0]) return DenoiseStatus::out_of_range;
  }
  if (axes && positions != positions_)
    turn_from(positions, {config_.rope_sections[1], config_.rope_sections[2]}, config_.rope_theta,
              config_.block.head_dim, rope_);
  prefix_ = keys;
  positions_ = positions;
  return DenoiseStatus::ok;
}

DenoiseStatus Denoiser::set_tail(std::size_t count) noexcept {
  if (count > config_.tail) return DenoiseStatus::out_of_range;
  tail_count_ = count;
  return DenoiseStatus::ok;
}

bool Denoiser::fits(const Run& call) const noexcept {
  const std::size_t values = config_.rows * config_.channels;
  if (call.noise.size() != values * (1 + call.refinements) || call.out.size() != values) return false;
  if (!call.mask.empty() && call.mask.size() != values) return false;
  if (call.committed.size() % config_.channels != 0 || call.committed.size() > values) return false;
  if (call.context.size() != config_.context) return false;
  const std::size_t guided = call.guidance.weights.size();
  if (guided > config_.rows || call.guidance.rows.size() != guided * config_.channels) return false;
  const std::size_t directions = call.refinements * call.steps * config_.gate.directions * config_.gate.width;
  return call.directions.empty() || call.directions.size() == directions;
}

DenoiseStatus Denoiser::run(const Run& call) noexcept {
  if (call.steps == 0 || call.steps > Schedule::kMaxSteps || call.refinements > 64)
    return DenoiseStatus::out_of_range;
  if (call.refinements != 0 && !gate_) return DenoiseStatus::out_of_range;
  if (call.domain >= config_.choices()) return DenoiseStatus::out_of_range;
  if (!call.guidance.weights.empty() && config_.prediction == Prediction::clean)
    return DenoiseStatus::out_of_range;
  if (!fits(call)) return DenoiseStatus::wrong_sizes;
  const std::size_t committed = call.committed.size() / config_.channels;
  schedule_ = {call.steps, config_.noise_at_one};
  scratch_.probe = call.probe;
  embedding_.prepare(schedule_, call.domain, call.context);
  head_.prepare(call.domain);
  // A table of three axes starts at the first token.
  places_.lay_out({prefix_, config_.rope_sections.empty() ? positions_[0] : 0, tail_count_, committed});
  if (modulation_) {
    modulation_->prepare(schedule_);
    modulation_->lay_out(config_.lead, config_.committed_done ? committed : 0, places_.count());
  }
  if (call.probe != nullptr) show_places(call);
  for (std::size_t pass = 0; pass <= call.refinements; ++pass) {
    start_pass(call, pass);
    for (std::size_t k = 0; k < call.steps; ++k) step(call, pass, k);
    see(call, "pass_result", pass, x_, config_.rows, config_.channels);
  }
  finish(call);
  scratch_.probe = nullptr;
  return DenoiseStatus::ok;
}

void Denoiser::start_pass(const Run& call, std::size_t pass) noexcept {
  if (pass > 0) {
    std::fill_n(times_, config_.rows, static_cast<std::uint32_t>(schedule_.clean_row()));
    embedding_.run(input(call), 0, times_, embedded_);
    see(call, "clean_embed", pass, embedded_, config_.rows, config_.block.width);
    gate_->remember(embedded_);
  }
  const std::size_t values = config_.rows * config_.channels;
  std::copy_n(call.noise.data() + pass * values, values, x_);
  std::copy(call.committed.begin(), call.committed.end(), x_);
  std::fill_n(velocity_, values, 0.0f);  // the first clean prediction
}

void Denoiser::step(const Run& call, std::size_t pass, std::size_t k) noexcept {
  const std::size_t committed = call.committed.size() / config_.channels;
  // A refinement moves every token with the gate, so only the lead stays fixed.
  const std::size_t still = k == 0 ? 0 : places_.still(pass == 0 ? committed : 0);
  if (config_.prediction == Prediction::clean) mix_noise(call, pass, k);
  const std::size_t first = still > config_.lead ? still - config_.lead : 0;
  embed(call, pass, k, first);

  const std::size_t width = config_.block.width;
  if (still < config_.lead)
    std::copy_n(lead_ + still * width, (config_.lead - still) * width, tokens_ + still * width);
  std::copy(embedded_ + first * width, embedded_ + config_.rows * width,
            tokens_ + (config_.lead + first) * width);
  std::copy_n(tail_, tail_count_ * width, tokens_ + (config_.lead + config_.rows) * width);
  see(call, "tokens", k, tokens_, places_.count(), width);
  pass_layers(call, k, still);
  predict(call, k, first);
}

void Denoiser::mix_noise(const Run& call, std::size_t pass, std::size_t k) noexcept {
  const std::size_t values = config_.rows * config_.channels;
  const auto fraction = static_cast<float>(schedule_.noise_fraction(k));
  const float* noise = call.noise.data() + pass * values;
  for (std::size_t i = call.committed.size(); i < values; ++i)
    x_[i] = fraction * noise[i] + (1.0f - fraction) * velocity_[i];
  std::copy(call.committed.begin(), call.committed.end(), x_);
}

/// Returns x as the network sees it.
const float* Denoiser::input(const Run& call) noexcept {
  if (call.mask.empty()) return x_;
  std::transform(call.mask.begin(), call.mask.end(), x_, masked_, std::multiplies<float>());
  return masked_;
}

void Denoiser::embed(const Run& call, std::size_t pass, std::size_t k, std::size_t first) noexcept {
  const std::size_t committed = call.committed.size() / config_.channels;
  for (std::size_t row = 0; row < config_.rows; ++row) {
    const bool done = config_.committed_done && row < committed;
    times_[row] = static_cast<std::uint32_t>(done ? schedule_.done_row() : k);
    for (const std::uint32_t channel : config_.zeroed) x_[row * config_.channels + channel] = 0.0f;
    if (call.probe == nullptr) continue;
    float t = time_number(config_.time, done ? schedule_.done() : schedule_.at(k));
    see(call, "time", k, &t, 1, 1);
  }
  embedding_.run(input(call), first, times_, embedded_);
  see(call, "x", k, x_, config_.rows, config_.channels);
  see(call, "embed", k, embedded_, config_.rows, config_.block.width);
  if (pass == 0) return;
  const std::size_t at = (pass - 1) * call.steps + k;
  const std::size_t stride = config_.gate.directions * config_.gate.width;
  gate_->run(embedded_, call.directions.empty() ? nullptr : call.directions.data() + at * stride, at,
             call.probe);
}

void Denoiser::pass_layers(const Run& call, std::size_t k, std::size_t first) noexcept {
  const std::size_t width = config_.block.width;
  const std::size_t count = places_.count() - first;
  const std::size_t committed = call.committed.size() / config_.channels;
  const TokenPlaces places = places_.from(first);
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    Block::Call block{{tokens_ + first * width, width, count}, places, caches_[layer], layer, {}};
    if (modulation_) {
      block.modulation = modulation_->at(schedule_, k, layer);
      block.modulation.index += first;
    }
    std::size_t from = 0, to = count;
    if (layer + 1 == blocks_.size() && call.probe == nullptr) {  // only free rows are used
      from = config_.lead + committed - first;
      to = config_.lead + config_.rows - first;
    }
    blocks_[layer].run(block, from, to, scratch_);
  }
}

void Denoiser::predict(const Run& call, std::size_t k, std::size_t first) noexcept {
  const std::size_t committed = call.committed.size() / config_.channels;
  const std::size_t width = config_.block.width, channels = config_.channels;
  const std::size_t from = call.probe != nullptr ? first : committed;
  const Rows rows{tokens_ + (config_.lead + from) * width, width, config_.rows - from};
  head_.run(rows, {velocity_ + from * channels, channels, rows.count});
  see(call, "normed", k, rows.data, rows.count, width);
  see(call, "prediction", k, velocity_, config_.rows, channels);
  if (config_.prediction == Prediction::clean) {
    std::copy(call.committed.begin(), call.committed.end(), velocity_);
    return;
  }
  guide(call.guidance, schedule_, k, {x_, velocity_, channels, committed});
  const float dt = (config_.noise_at_one ? -1.0f : 1.0f) / static_cast<float>(call.steps);
  table_.f32_step_euler({x_, velocity_, call.committed.data(), config_.rows, channels, committed, dt});
}

void Denoiser::finish(const Run& call) noexcept {
  const float* result = config_.prediction == Prediction::clean ? velocity_ : x_;
  std::copy_n(result, call.out.size(), call.out.begin());
  for (std::size_t row = call.committed.size() / config_.channels; row < config_.rows; ++row) {
    for (const std::uint32_t channel : config_.sigmoid) {
      float& value = call.out[row * config_.channels + channel];
      value = 1.0f / (1.0f + std::exp(-value));
    }
  }
}

/// Records which keys each token sees, as ones and zeros, and its position on every axis.
void Denoiser::show_places(const Run& call) noexcept {
  const std::size_t count = places_.count(), keys = prefix_ + count;
  const std::size_t axes = config_.rope_sections.empty() ? 1 : 3;
  std::vector<float> seen(count * keys), positions(count * axes);
  for (std::size_t token = 0; token < count; ++token) {
    for (std::size_t key = 0; key < keys; ++key)
      seen[token * keys + key] = places_.sees(token, key) ? 1.0f : 0.0f;
    for (std::size_t axis = 0; axis < axes; ++axis)
      positions[token * axes + axis] =
          static_cast<float>(places_.position(token) + (axes == 1 ? 0 : positions_[axis]));
  }
  see(call, "visible", 0, seen.data(), count, keys);
  see(call, "positions", 0, positions.data(), count, axes);
}

void Denoiser::see(const Run& call, const char* what, std::size_t index, float* data, std::size_t rows,
                   std::size_t width) noexcept {
  if (call.probe != nullptr) call.probe->see("expert", what, index, {data, width, rows}, width);
}

}  // namespace motorium
