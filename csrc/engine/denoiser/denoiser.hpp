#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "engine/denoiser/action_embedding.hpp"
#include "engine/denoiser/action_head.hpp"
#include "engine/denoiser/guidance.hpp"
#include "engine/denoiser/manifold_gate.hpp"
#include "engine/denoiser/places.hpp"
#include "engine/denoiser/time_modulation.hpp"
#include "engine/layers/block.hpp"

namespace motorium {

enum class DenoiseStatus { ok, wrong_sizes, out_of_range };

/// Describes a status in words.
const char* describe(DenoiseStatus status) noexcept;

/// Runs the K-step loop of an action expert over cached keys and values, for every family.
///
/// Tokens are [lead | T actions | tail]. What does not change between steps is computed once: the prefix (by
/// its owner), time embeddings, context, and, where the mask allows it, the lead and the committed rows, of
/// which later steps only read keys and values. All memory is allocated at load.
class Denoiser {
 public:
  /// Optional: which columns of action.w1 and rows of out.fc2 are the channels.
  struct SlotChoice {
    std::span<const std::uint32_t> slots;
    std::size_t slot_count;
  };
  Denoiser(const DenoiserConfig& config, const SlotChoice& slots, Loader& loader);
  Denoiser(const Denoiser&) = delete;
  Denoiser& operator=(const Denoiser&) = delete;

  const DenoiserConfig& config() const noexcept { return config_; }

  /// One cache per layer; whoever computes the prefix writes keys and values 0 .. count-1.
  std::span<const kernels::KeyValues> caches() const noexcept { return caches_; }
  const RopeTable& rope() const noexcept { return rope_; }

  /// Makes the next runs see `keys` cached keys; the first token is at `position`.
  DenoiseStatus set_prefix(std::size_t keys, std::size_t position) noexcept {
    return set_prefix(keys, std::array{position, position, position});
  }
  /// The same with a position on each axis (rope_sections); without sections all three must be equal.
  DenoiseStatus set_prefix(std::size_t keys, const std::array<std::size_t, 3>& positions) noexcept;
  /// Embedded tokens before the actions (lead, width).
  float* lead() noexcept { return lead_; }
  /// Embedded tokens after the actions; the next run uses `count` of them.
  float* tail() noexcept { return tail_; }
  DenoiseStatus set_tail(std::size_t count) noexcept;

  struct Run {
    std::span<const float> noise;            ///< (1 + refinements, T, channels), one start per pass
    std::span<const float> committed;        ///< (d, channels): committed rows
    std::size_t steps;                       ///< K, 1..64
    std::span<float> out;                    ///< (T, channels)
    std::span<const float> context = {};     ///< (context)
    std::size_t domain = 0;                  ///< domain or adapter
    std::size_t refinements = 0;             ///< R, additional passes with the gate
    std::span<const float> directions = {};  ///< (R * K, directions, gate width); empty: closed form
    Probe* probe = nullptr;
    Guidance guidance = {};            ///< only of velocity predictions
    std::span<const float> mask = {};  ///< (T, channels): factors of the network's input
  };
  /// Neither allocates nor throws.
  DenoiseStatus run(const Run& call) noexcept;

  /// Processes tokens of a stream with the same widths and weights over the same caches: rows of `x` (count,
  /// width), as if they were in the prefix. For tokens of the expert's stream that come before the actions.
  Block& block(std::size_t layer) noexcept { return blocks_[layer]; }
  Block::Scratch& scratch() noexcept { return scratch_; }
  const ActionHead& head() const noexcept { return head_; }

 private:
  bool fits(const Run& call) const noexcept;
  void start_pass(const Run& call, std::size_t pass) noexcept;
  void step(const Run& call, std::size_t pass, std::size_t k) noexcept;
  void embed(const Run& call, std::size_t pass, std::size_t k, std::size_t first) noexcept;
  void pass_layers(const Run& call, std::size_t k, std::size_t first) noexcept;
  void predict(const Run& call, std::size_t k, std::size_t first) noexcept;
  const float* input(const Run& call) noexcept;
  void show_places(const Run& call) noexcept;
  void mix_noise(const Run& call, std::size_t pass, std::size_t k) noexcept;
  void finish(const Run& call) noexcept;
  void see(const Run& call, const char* what, std::size_t index, float* data, std::size_t rows,
           std::size_t width) noexcept;

  DenoiserConfig config_;
  const kernels::KernelTable& table_;
  ActionEmbedding embedding_;
  ActionHead head_;
  std::optional<TimeModulation> modulation_;
  std::optional<ManifoldGate> gate_;
  std::vector<Block> blocks_;
  RopeTable rope_;
  std::vector<kernels::KeyValues> caches_;
  Places places_;
  Block::Scratch scratch_;
  float *lead_, *tail_, *x_, *masked_, *velocity_, *embedded_, *tokens_;
  std::uint32_t* times_;  // per action: row of the embedding's time terms
  std::size_t prefix_ = 0, tail_count_ = 0;
  std::array<std::size_t, 3> positions_{};  // of the first token
  Schedule schedule_{1, false};
};

}  // namespace motorium
