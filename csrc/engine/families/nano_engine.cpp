#include "engine/families/nano_engine.hpp"

#include <algorithm>

#include "engine/denoiser/denoiser.hpp"
#include "engine/families/prefix_stream.hpp"
#include "engine/families/state_token.hpp"
#include "motorium/slot_space.hpp"

namespace motorium {
namespace {

const NanoConfig& checked(const NanoConfig& config) {
  config.check();
  return config;
}

/// Raw slot values <-> the network's units: a = (raw - relative * state - mean) / std per row and channel.
class ActionScale {
 public:
  ActionScale(const NanoConfig& config, const kernels::KernelTable& table, Arena& arena)
      : table_(table),
        channels_(config.action),
        slots_(arena.indices(channels_.size())),
        base_(arena.floats(channels_.size())),
        mean_(config.action_mean.data()),
        std_(config.action_std.data()) {
    for (std::size_t c = 0; c < channels_.size(); ++c) slots_[c] = channels_[c].slot;
  }

  /// What relative channels are counted from; call before the others.
  void set_state(const float* state) noexcept {
    for (std::size_t c = 0; c < channels_.size(); ++c)
      base_[c] = channels_[c].relative ? state[channels_[c].slot] : 0.0f;
  }

  void to_network(const float* chunk, std::size_t rows, float* x) const noexcept {
    // The kernel's chunk is non-const by type only: gathering never writes to it.
    table_.f32_gather_slots(
        {x, const_cast<float*>(chunk), rows, channels_.size(), kSlots, slots_, base_, mean_, std_});
  }

  /// Rows first_row and up; x and chunk start at row 0.
  void to_slots(float* x, std::size_t first_row, std::size_t rows, float* chunk) const noexcept {
    const std::size_t at = first_row * channels_.size();
    table_.f32_scatter_slots({x + at, chunk + first_row * kSlots, rows - first_row, channels_.size(), kSlots,
                              slots_, base_, mean_ + at, std_ + at});
  }

 private:
  const kernels::KernelTable& table_;
  const std::vector<NanoActionChannel>& channels_;
  std::uint32_t* slots_;
  float* base_;
  const float *mean_, *std_;
};

}  // namespace

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

struct NanoEngine::Parts {
  Parts(const NanoConfig& source, const Tensors& tensors, const kernels::KernelTable& kernel_table,
        const EngineOptions& options)
      : config(checked(source)),
        table(kernel_table),
        slots(action_slots(config)),
        loader(std::make_unique<Loader>(table, tensors, arena, options)),
        workspace(loader->workspace()),
        prefix(config, *loader),
        state_token(config, *loader),
        expert(expert_config(config), {slots, kSlots}, *loader),
        scale(config, table, arena) {
    loader->finish();
    loader.reset();  // it refers to the caller's tensors
    expert.set_prefix(config.prefix_tokens(), 0);
    state = arena.floats(config.state.size());
    x = arena.floats(config.rows * config.action.size());
    noise = arena.floats(config.rows * config.action.size());
    locked = arena.floats(config.rows * config.action.size());
    guide = arena.floats(config.rows * config.action.size());
  }

  NanoConfig config;
  const kernels::KernelTable& table;
  Arena arena;
  std::vector<std::uint32_t> slots;
  std::unique_ptr<Loader> loader;
  Workspace& workspace;
  PrefixStream prefix;
  StateToken state_token;
  Denoiser expert;
  ActionScale scale;
  float *state, *x, *noise, *locked, *guide;
  bool encoded = false;
  std::size_t embodiment = 0;  // of the observation that was encoded
  std::mutex busy;
};

NanoEngine::NanoEngine(const NanoConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
                       const EngineOptions& options)
    : parts_(std::make_unique<Parts>(config, tensors, table, options)) {}

NanoEngine::~NanoEngine() = default;

EngineStatus NanoEngine::encode(std::span<const std::uint8_t* const> images,
                                std::span<const std::int32_t> tokens, std::size_t embodiment) noexcept {
  Parts& p = *parts_;
  if (images.size() != p.config.views.size() || tokens.size() != p.config.max_tokens)
    return EngineStatus::wrong_sizes;
  if (embodiment >= p.config.embodiments) return EngineStatus::embodiment_out_of_range;
  for (std::int32_t token : tokens) {
    if (token < 0 || static_cast<std::size_t>(token) >= p.config.vocabulary)
      return EngineStatus::token_out_of_range;
  }
  const std::lock_guard<std::mutex> lock(p.busy);
  p.prefix.run(images, tokens, embodiment, p.expert.caches());
  p.encoded = true;
  p.embodiment = embodiment;
  return EngineStatus::ok;
}

EngineStatus NanoEngine::denoise(const Denoise& call) noexcept {
  Parts& p = *parts_;
  const std::size_t rows = p.config.rows;
  const std::size_t channels = p.config.action.size();
  const std::size_t locked = call.committed.size() / kSlots;
  if (call.state.size() != kSlots || call.noise.size() != rows * kSlots || call.out.size() != rows * kSlots ||
      call.committed.size() % kSlots != 0 || locked > rows || call.steps == 0 ||
      call.steps > Schedule::kMostSteps || call.pull.size() > rows ||
      call.previous.size() != call.pull.size() * kSlots) {
    return EngineStatus::wrong_sizes;
  }
  const std::lock_guard<std::mutex> lock(p.busy);
  if (!p.encoded) return EngineStatus::not_encoded;
  for (std::size_t c = 0; c < p.config.state.size(); ++c) {
    const NanoStateChannel& channel = p.config.state[c];
    p.state[c] = (call.state[channel.slot] - channel.mean) / channel.std;
  }
  for (std::size_t i = 0; i < rows * channels; ++i)
    p.noise[i] = call.noise[i / channels * kSlots + p.config.action[i % channels].slot];
  p.scale.set_state(call.state.data());
  p.scale.to_network(call.committed.data(), locked, p.locked);
  p.state_token.run({p.state, p.config.state.size()}, p.prefix.scene(), p.expert.lead());
  const std::size_t values = rows * channels;
  p.scale.to_network(call.previous.data(), call.pull.size(), p.guide);
  Denoiser::Run run{{p.noise, values}, {p.locked, locked * channels}, call.steps, {p.x, values}};
  if (!p.config.slot_adapters.empty()) run.domain = p.embodiment;
  run.guidance = {{p.guide, call.pull.size() * channels}, call.pull, call.pull_limit};
  const DenoiseStatus status = p.expert.run(run);
  if (status != DenoiseStatus::ok) return EngineStatus::wrong_sizes;

  std::fill_n(call.out.begin(), locked * kSlots, 0.0f);
  for (std::size_t i = 0; i < locked * channels; ++i) {
    const std::size_t at = i / channels * kSlots + p.config.action[i % channels].slot;
    call.out[at] = call.committed[at];
  }
  p.scale.to_slots(p.x, locked, rows, call.out.data());
  return EngineStatus::ok;
}

void NanoEngine::read_scene(std::span<float> out) const noexcept {
  const std::lock_guard<std::mutex> lock(parts_->busy);
  const std::span<const float> scene = parts_->prefix.scene();
  std::copy_n(scene.begin(), std::min(scene.size(), out.size()), out.begin());
}
std::size_t NanoEngine::arena_bytes() const noexcept { return parts_->arena.bytes(); }
std::uint64_t NanoEngine::weight_bytes_read() const noexcept { return parts_->workspace.bytes_read.read(); }
const char* NanoEngine::isa() const noexcept { return parts_->table.isa; }
const NanoConfig& NanoEngine::config() const noexcept { return parts_->config; }

}  // namespace motorium
