#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace motorium {

struct NanoView {
  std::string role;
  std::size_t height, width;  // pixels
};

struct NanoStateChannel {
  std::uint32_t slot;
  float mean, std;
};

struct NanoActionChannel {
  std::uint32_t slot;
  bool relative;  // learnt as difference from the state in the same slot
};

/// What the engine needs from a checkpoint's descriptor (config.json, see policies/nano/config.py).
struct NanoConfig {
  std::size_t rows;        // T
  std::size_t vocabulary;  // words
  std::size_t max_tokens;  // L
  std::size_t embodiments;
  std::size_t scene;  // S
  std::vector<NanoView> views;
  std::array<float, 3> image_mean, image_std;
  std::vector<NanoStateChannel> state;
  std::vector<NanoActionChannel> action;       // A channels
  std::vector<float> action_mean, action_std;  // (T, A)
  std::size_t prefix_width, expert_width, heads, head_dim, layers, shared_layers;
  std::size_t prefix_mlp, expert_mlp, experts, top_k, routed_mlp, soft_tokens, groups;
  std::array<std::size_t, 3> vision_channels;
  std::size_t points, point_tokens;  // of a view; 0: it becomes patches
  float rms_eps, norm_eps;
  /// Action slots that each embodiment's slot-wise adapters use; empty: no adapters.
  std::vector<std::vector<std::uint32_t>> slot_adapters;

  /// Throws std::invalid_argument when a size is zero, absurd or contradicts another.
  void check() const;

  /// Returns the number of tokens that one view becomes.
  std::size_t view_tokens(const NanoView& view) const noexcept;
  /// Returns N: soft prompt, text, views, readout.
  std::size_t prefix_tokens() const noexcept;
};

}  // namespace motorium
