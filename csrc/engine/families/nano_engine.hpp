#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/cpu/arena.hpp"
#include "engine/denoiser/denoiser.hpp"
#include "engine/families/family_engine.hpp"
#include "engine/families/nano_config.hpp"
#include "engine/families/prefix_stream.hpp"
#include "engine/families/state_token.hpp"
#include "motorium/slot_space.hpp"

namespace motorium {

enum class EngineStatus { ok, wrong_sizes, token_out_of_range, embodiment_out_of_range, not_encoded };

/// Describes a status in words.
const char* describe(EngineStatus status) noexcept;

/// Converts raw slot values to the network's units and back: a = (raw - relative * state - mean) / std per
/// row and channel.
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

  /// Sets the state that relative channels refer to; call first.
  void set_state(const float* state) noexcept {
    for (std::size_t c = 0; c < channels_.size(); ++c)
      base_[c] = channels_[c].relative ? state[channels_[c].slot] : 0.0f;
  }

  void to_network(const float* chunk, std::size_t rows, float* x) const noexcept {
    table_.f32_gather_slots({chunk, x, {rows, channels_.size(), kSlots, slots_, base_, mean_, std_}});
  }

  /// Converts rows first_row and up; x and chunk start at row 0.
  void to_slots(const float* x, std::size_t first_row, std::size_t rows, float* chunk) const noexcept {
    const std::size_t at = first_row * channels_.size();
    table_.f32_scatter_slots(
        {x + at,
         chunk + first_row * kSlots,
         {rows - first_row, channels_.size(), kSlots, slots_, base_, mean_ + at, std_ + at}});
  }

 private:
  const kernels::KernelTable& table_;
  const std::vector<NanoActionChannel>& channels_;
  std::uint32_t* slots_;
  float* base_;
  const float *mean_, *std_;
};

/// Runs the motorium nano network: pixels, words and joint state in, a chunk of actions out, K Euler steps in
/// one call.
///
/// The constructor allocates all memory. encode() and denoise() neither allocate nor throw, and may be called
/// from any thread; calls wait for one another.
class NanoEngine : public FamilyEngine<NanoConfig> {
 public:
  /// Copies what it needs of `tensors`. Throws std::invalid_argument for an invalid config, tensor or option.
  NanoEngine(const NanoConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
             const EngineOptions& options = {});

  /// Call once per observation. images: one (height, width, 3) uint8 per view in config order; tokens:
  /// max_tokens ids.
  EngineStatus encode(std::span<const std::uint8_t* const> images, std::span<const std::int32_t> tokens,
                      std::size_t embodiment) noexcept;

  struct Denoise {
    std::span<const float> state;          ///< (200) raw slots
    std::span<const float> noise;          ///< (T, 200)
    std::span<const float> committed;      ///< (d, 200) raw slots, d <= T
    std::size_t steps;                     ///< K, 1..64
    std::span<float> out;                  ///< (T, 200) raw slots, zeros on unmapped ones
    std::span<const float> previous = {};  ///< (p, 200) raw slots, p <= T: an earlier plan that pulls
    std::span<const float> pull = {};      ///< (p): how strongly, 0..1 per row
    float pull_limit = 5.0f;               ///< Guidance::limit
  };
  EngineStatus denoise(const Denoise& call) noexcept;

  /// Copies the S normalised values that the last encode() read out of the scene.
  void read_scene(std::span<float> out) const noexcept;

  /// Copies the mean of each view's tokens in the last encode(), before any attention: V rows of U values.
  void read_pictures(std::span<float> out) const noexcept;

 private:
  std::vector<std::uint32_t> slots_;  // of the action channels
  PrefixStream prefix_;
  StateToken state_token_;
  Denoiser expert_;
  ActionScale scale_;
  float *state_, *x_, *noise_, *committed_, *guide_;
  bool encoded_ = false;
  std::size_t embodiment_ = 0;  // of the encoded observation
};

}  // namespace motorium
