#include "engine/families/nano_config.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/families/vision.hpp"
#include "motorium/slot_space.hpp"

namespace motorium {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("nano config: ") + what);
}

bool within(std::size_t value, std::size_t most) { return value >= 1 && value <= most; }

bool positive(float value) { return std::isfinite(value) && value > 0.0f; }

void check_channels(const NanoConfig& c) {
  require(within(c.state.size(), kSlots) && within(c.action.size(), kSlots),
          "state and action need 1..200 channels");
  std::vector<bool> measured(kSlots, false);
  std::vector<bool> commanded(kSlots, false);
  for (const NanoStateChannel& channel : c.state) {
    require(channel.slot < kSlots && !measured[channel.slot], "state slots must be distinct and below 200");
    require(std::isfinite(channel.mean) && positive(channel.std), "state mean must be finite, std positive");
    measured[channel.slot] = true;
  }
  for (const NanoActionChannel& channel : c.action) {
    require(channel.slot < kSlots && !commanded[channel.slot], "action slots must be distinct and below 200");
    require(!channel.relative || measured[channel.slot], "a relative action needs its slot in the state");
    commanded[channel.slot] = true;
  }
  require(c.action_mean.size() == c.rows * c.action.size(), "action mean must be (rows, actions)");
  require(c.action_std.size() == c.rows * c.action.size(), "action std must be (rows, actions)");
  require(c.slot_adapters.empty() || c.slot_adapters.size() == c.embodiments,
          "slot adapters need the active slots of every embodiment");
  for (const std::vector<std::uint32_t>& active : c.slot_adapters)
    for (const std::uint32_t slot : active)
      require(slot < kSlots && commanded[slot] && std::count(active.begin(), active.end(), slot) == 1,
              "slot adapters are for slots of the action, each once");
  for (float value : c.action_mean) require(std::isfinite(value), "action mean must be finite");
  for (float value : c.action_std) require(positive(value), "action std must be positive");
}

}  // namespace

void NanoConfig::check() const {
  require(within(rows, 256), "rows must be 1..256");
  require(within(vocabulary, 1 << 16) && within(max_tokens, 128), "vocabulary or max_tokens out of range");
  require(within(embodiments, 64) && within(soft_tokens, 64), "embodiments or soft_tokens out of range");
  require(within(scene, 4096), "scene size out of range");
  require(within(prefix_width, 1024) && within(expert_width, 1024), "widths must be 1..1024");
  require(expert_width % 2 == 0, "expert_width must be even");
  require(within(heads, 32) && within(head_dim, 256), "heads must be 1..32, head_dim 1..256");
  require(within(layers, 64) && shared_layers <= layers,
          "layers must be 1..64, shared_layers at most layers");
  require(within(prefix_mlp, 4096) && within(expert_mlp, 4096) && within(routed_mlp, 4096),
          "mlp widths out of range");
  require(within(experts, 64) && within(top_k, experts), "need 1 <= top_k <= experts <= 64");
  require(positive(rms_eps) && positive(norm_eps), "epsilons must be positive");
  require(within(views.size(), 8), "need 1..8 views");
  for (const NanoView& view : views) {
    require(view.height >= 16 && view.height <= 512 && view.width >= 16 && view.width <= 512,
            "views need 16..512 pixels");
  }
  require(points <= 256 && point_tokens <= 64 && (points > 0) == (point_tokens > 0),
          "points must be at most 256 and point_tokens at most 64, both 0 or neither");
  require(vision_channels[2] == prefix_width, "the last vision channels must equal prefix_width");
  for (std::size_t channels : vision_channels) {
    require(within(channels, 1024) && groups >= 1 && channels % groups == 0,
            "vision channels must be multiples of groups");
  }
  for (std::size_t c = 0; c < 3; ++c) {
    require(std::isfinite(image_mean[c]) && positive(image_std[c]),
            "image mean must be finite, std positive");
  }
  check_channels(*this);
}

std::size_t NanoConfig::view_tokens(const NanoView& view) const noexcept {
  if (points > 0) return point_tokens;
  const VisionSizes sizes = vision_sizes(view);
  return sizes.height[3] * sizes.width[3];
}

std::size_t NanoConfig::prefix_tokens() const noexcept {
  std::size_t tokens = soft_tokens + max_tokens + 1;
  for (const NanoView& view : views) tokens += view_tokens(view);
  return tokens;
}

}  // namespace motorium
