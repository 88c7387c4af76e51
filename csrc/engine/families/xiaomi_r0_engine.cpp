#include "engine/families/xiaomi_r0_engine.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "engine/cpu/key_cache.hpp"

namespace motorium {

void XiaomiR0Config::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("Xiaomi-Robotics-0 config: ") + what);
  };
  dit.check();
  require(dit.embedding == Embedding::untimed && dit.lead >= 1 && dit.prefix >= 1,
          "the head has a sink, a prefix, and no time in its embedding");
  require(state_channels >= 1 && state_channels <= 4096, "state_channels must be 1..4096");
}

XiaomiR0Engine::XiaomiR0Engine(const XiaomiR0Config& source, const Tensors& tensors,
                               const kernels::KernelTable& kernels, const EngineOptions& options)
    : FamilyEngine(source, tensors, kernels, options), dit_(config().dit, {}, loader()) {
  const std::size_t width = config().dit.block.width, rows = config().dit.lead - 1;
  const float* sink = loader().copy("sink", {1, width});
  fc1_ = loader().exact("state.fc1", width, config().state_channels, false);
  fc2_ = loader().exact("state.fc2", width, width, false);
  finish_loading();
  hidden_ = arena().floats(rows * width);
  std::copy_n(sink, width, dit_.lead());
}

DenoiseStatus XiaomiR0Engine::encode(const Observation& o) noexcept {
  const DenoiserConfig& dit = config().dit;
  const std::size_t row = dit.block.key_width(), rows = dit.lead - 1, width = dit.block.width;
  const std::size_t keys = o.keys.size() / (row * dit.layers);
  if (o.keys.size() != keys * row * dit.layers || o.values.size() != o.keys.size() ||
      o.state.size() != rows * config().state_channels)
    return DenoiseStatus::wrong_sizes;
  const auto turn = wait_turn();
  if (const DenoiseStatus status = dit_.set_prefix(keys, o.positions); status != DenoiseStatus::ok)
    return status;
  for (std::size_t layer = 0; layer < dit.layers; ++layer) {
    const std::size_t at = layer * keys * row;
    store_keys(table(), {o.keys.data() + at, o.values.data() + at, row, keys, 0, dit_.caches()[layer]});
  }
  float* tokens = dit_.lead() + width;
  multiply(table(), fc1_, {o.state.data(), config().state_channels, rows}, {hidden_, width, rows},
           dit.embed_activation);
  multiply(table(), fc2_, {hidden_, width, rows}, {tokens, width, rows});
  if (o.probe != nullptr) o.probe->see("state", "embed", 0, {tokens, width, rows}, width);
  return DenoiseStatus::ok;
}

DenoiseStatus XiaomiR0Engine::denoise(const Denoiser::Run& call) noexcept {
  const auto turn = wait_turn();
  return dit_.run(call);
}

}  // namespace motorium
