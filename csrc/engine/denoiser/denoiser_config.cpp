#include "engine/denoiser/denoiser_config.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

#include "engine/layers/mlp.hpp"

namespace motorium {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("denoiser config: ") + what);
}

bool within(std::size_t value, std::size_t low, std::size_t high) { return value >= low && value <= high; }

bool positive(float value) { return std::isfinite(value) && value > 0.0f; }

void check_block(const BlockConfig& b) {
  require(within(b.width, 1, 8192), "width must be 1..8192");
  require(within(b.heads, 1, 128) && within(b.kv_heads, 1, b.heads) && b.heads % b.kv_heads == 0,
          "heads must be 1..128 and a multiple of kv_heads");
  require(within(b.head_dim, 1, 512), "head_dim must be 1..512");
  require(within(b.mlp, 1, 32768), "mlp must be 1..32768");
  require(positive(b.eps), "eps must be positive");
  require(!(b.adaptive && b.order == NormOrder::after), "adaptive norms stand before the branch");
}

void check_time(const TimeConfig& t) {
  require(t.width <= 8192 && t.width % 2 == 0, "the time embedding needs an even width up to 8192");
  require(positive(t.scale) && positive(t.period), "time scale and period must be positive");
}

void check_adapters(const DenoiserConfig& c) {
  const std::size_t embodiments = std::max(c.adapters, c.slot_adapters.size());
  require(embodiments <= 1024, "domains or adapters out of range");
  require(embodiments == 0 || c.embedding != Embedding::domain, "adapters are for shared embeddings");
  require(c.adapters == 0 || c.slot_adapters.empty(), "adapters come per embodiment or per slot");
  for (const std::vector<std::uint32_t>& active : c.slot_adapters) {
    std::vector<bool> seen(c.channels, false);
    for (const std::uint32_t channel : active) {
      require(channel < c.channels && !seen[channel], "adapters name channels of the action, each once");
      seen[channel] = true;
    }
  }
}

/// Every third pair from 1 and from 2 on turns with height and width, as far as their sections reach.
void check_sections(const DenoiserConfig& c) {
  if (c.rope_sections.empty()) return;
  const std::size_t half = c.block.head_dim / 2;
  require(c.rope_theta != 0.0f && c.rope_sections.size() == 3,
          "rope_sections are three, of a rotary embedding");
  const std::size_t time = c.rope_sections[0], height = c.rope_sections[1], width = c.rope_sections[2];
  require(time <= half && height <= half && width <= half && time + height + width == half,
          "rope_sections must add up to half of head_dim");
  require(height <= (half + 1) / 3 && width <= half / 3, "rope_sections leave no room for height or width");
}

void check_flow(const DenoiserConfig& c) {
  for (const kernels::Activation activation : {c.embed_activation, c.head_activation})
    require(activation != kernels::Activation::none && !kernels::is_gated(activation),
            "embedding and head take relu, silu, gelu or gelu_tanh");
  require(within(c.channels, 1, 4096) && c.context <= 4096, "channels or context out of range");
  require(within(c.domains, 1, 1024), "domains or adapters out of range");
  require(c.domains == 1 || c.embedding == Embedding::domain, "only domain embeddings have several domains");
  require(c.context == 0 || c.embedding == Embedding::domain, "only domain embeddings take a context");
  require(c.head_width <= 32768 && (c.head_width == 0 || c.embedding != Embedding::domain),
          "head_width must be at most 32768, and is for shared embeddings");
  check_adapters(c);
  require((c.embedding == Embedding::untimed) == (c.time.width == 0),
          "untimed embeddings have time width 0, the others a time width");
  for (const std::uint32_t channel : c.zeroed) require(channel < c.channels, "zeroed channels out of range");
  for (const std::uint32_t channel : c.sigmoid)
    require(channel < c.channels, "sigmoid channels out of range");
}

void check_gate(const DenoiserConfig& c) {
  require(c.gate.width <= 16384 && c.gate.refinements <= 64 && c.gate.directions <= 4096,
          "gate sizes out of range");
  require(positive(c.gate.temperature) && std::isfinite(c.gate.strength), "gate numbers must be finite");
  require(c.gate.width == 0 || c.prediction == Prediction::velocity, "the gate refines velocity models");
}

}  // namespace

void DenoiserConfig::check() const {
  check_block(block);
  require(within(layers, 1, 256), "layers must be 1..256");
  require(within(rows, 1, 1024), "rows must be 1..1024");
  require(lead <= 1024 && tail <= 8192 && prefix <= 65536, "lead, tail or prefix out of range");
  require(window == 0 || mask == Mask::lambda, "only the lambda mask has a window");
  require(window <= 1024, "window must be at most 1024");
  require(tail == 0 || mask == Mask::full || mask == Mask::block, "a tail needs a full or block mask");
  require(rope_theta == 0.0f || (positive(rope_theta) && block.head_dim % 2 == 0),
          "rotary embedding needs a positive theta and an even head_dim");
  check_sections(*this);
  require(rope_gap <= 4096 && positions <= 131072, "rope_gap or positions out of range");
  require(rope_theta == 0.0f || most_positions() >= tokens() + rope_gap, "positions must hold the tokens");
  if (routed()) {
    require(within(experts, 1, RoutedMlp::kMaxExperts) && within(top_k, 1, experts),
            "need 1 <= top_k <= experts <= 64");
    require(within(routed_mlp, 1, 32768) && shared_layers <= layers,
            "routed_mlp or shared_layers out of range");
    require(block.activation == kernels::Activation::silu_gate, "routed blocks use silu gates");
  }
  require(block.adaptive == (modulation_width != 0), "adaptive norms go with modulation_width");
  require(modulation_width % 2 == 0 && modulation_width <= 8192, "modulation_width must be even");
  check_time(time);
  check_flow(*this);
  check_gate(*this);
}

}  // namespace motorium
