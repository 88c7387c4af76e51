#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/layers/block_config.hpp"

namespace motorium {

/// Which tokens of the sequence [lead | T actions | tail] see each other. All of them see the prefix.
enum class Mask : std::uint8_t {
  causal,
  full,
  block,   ///< the lead sees the lead; actions and tail see everything
  lambda,  ///< causal; an action sees the lead (the sink), itself and the `window` actions before it
};

enum class Prediction : std::uint8_t { velocity, clean };

/// How an action becomes a token.
enum class Embedding : std::uint8_t {
  timed,    ///< w3(activation(w2 [w1 x ; tau(t)]))
  untimed,  ///< w3(activation(w1 x))
  domain,   ///< one linear map of [x ; context ; tau(t)] per domain
};

/// Sinusoidal time embedding of `width` floats: sines and cosines of t * scale * period^(-j / (width / 2)).
struct TimeConfig {
  std::size_t width = 0;  ///< 0: no time in the embedding
  float scale = 1.0f;
  float period = 10000.0f;
  bool cosine_first = false;
  bool whole = false;  ///< t * scale is truncated to a whole number, as an index
};

/// Manifold-preserving gate (Being-H0.5, MPG).
struct GateConfig {
  std::size_t width = 0;  ///< of the observation space; 0: no gate
  std::size_t refinements = 1;
  std::size_t directions = 32;  ///< of the sliced distance; 0: its exact expectation in closed form
  float strength = 0.1f;        ///< lambda
  float temperature = 1.0f;
};

/// The K-step loop of an action expert, as the checkpoint's descriptor configures it.
struct DenoiserConfig {
  BlockConfig block;
  std::size_t layers = 1;
  std::size_t shared_layers = 0;  ///< dense layers below the routed ones; ignored without experts
  std::size_t experts = 0, top_k = 0, routed_mlp = 0;

  std::size_t rows = 1;      ///< T
  std::size_t channels = 1;  ///< of an action
  std::size_t context = 0;   ///< floats of a domain embedding that all rows share (proprio)
  std::size_t lead = 0;      ///< tokens before the actions
  std::size_t tail = 0;      ///< most tokens after the actions
  std::size_t prefix = 0;    ///< most keys that others cache

  Mask mask = Mask::causal;
  std::size_t window = 0;   ///< of Mask::lambda: w of Xiaomi-Robotics-0, which excludes the row itself
  float rope_theta = 0.0f;  ///< 0: no rotary embedding
  std::vector<std::uint32_t> rope_sections;  ///< pairs of time, height, width; empty: one axis, see RopeAxes
  std::size_t rope_gap = 0;                  ///< positions skipped between the committed and the free rows
  std::size_t positions = 0;                 ///< most positions; 0: as many as keys

  Embedding embedding = Embedding::timed;
  kernels::Activation embed_activation = kernels::Activation::silu;
  kernels::Activation head_activation = kernels::Activation::silu;
  bool embed_bias = true, head_bias = true;
  bool learnt_positions = false;  ///< added to the action tokens
  bool head_norm = true;
  std::size_t head_width = 0;  ///< inner width of the head; 0: the width of a token
  std::size_t domains = 1;     ///< of a domain embedding
  /// Slot-wise adapters (Being-H0.5, eq. 12): the channels that each embodiment uses. Each slot has one
  /// matrix for all embodiments. Empty: none.
  std::vector<std::vector<std::uint32_t>> slot_adapters;
  std::size_t adapters = 0;  ///< format 1: embodiments with a whole table of adapters each
  TimeConfig time;
  std::size_t modulation_width = 0;  ///< sinusoid of the adaptive norms

  Prediction prediction = Prediction::velocity;
  bool noise_at_one = false;   ///< the flow runs from t = 1 to 0
  bool committed_done = true;  ///< committed rows have the time of finished ones; false: that of the step
  std::vector<std::uint32_t> zeroed;   ///< channels that the network sees as zeros
  std::vector<std::uint32_t> sigmoid;  ///< channels of the result that pass through a sigmoid
  GateConfig gate;

  std::size_t tokens() const noexcept { return lead + rows + tail; }
  std::size_t keys() const noexcept { return prefix + tokens(); }
  std::size_t most_positions() const noexcept { return positions != 0 ? positions : keys() + rope_gap; }
  bool routed() const noexcept { return experts != 0; }
  std::size_t head_inner() const noexcept { return head_width != 0 ? head_width : block.width; }
  /// Returns the number of choices for a run's `domain`.
  std::size_t choices() const noexcept {
    return std::max({domains, adapters, slot_adapters.size(), std::size_t{1}});
  }

  /// Throws std::invalid_argument when a size is zero, absurd, or contradicts another.
  void check() const;
};

}  // namespace motorium
