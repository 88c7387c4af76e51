#include "engine/families/xiaomi_r0_engine.hpp"

#include <mutex>
#include <stdexcept>
#include <string>

#include "engine/cpu/key_cache.hpp"

namespace motorium {
namespace {

const XiaomiR0Config& checked(const XiaomiR0Config& config) {
  config.check();
  return config;
}

}  // namespace

void XiaomiR0Config::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("Xiaomi-Robotics-0 config: ") + what);
  };
  dit.check();
  require(dit.embedding == Embedding::untimed && dit.lead >= 1 && dit.prefix >= 1,
          "the head has a sink, a prefix, and no time in its embedding");
  require(state_channels >= 1 && state_channels <= 4096, "state_channels must be 1..4096");
}

struct XiaomiR0Engine::Parts {
  Parts(const XiaomiR0Config& source, const Tensors& tensors, const kernels::KernelTable& kernel_table,
        const EngineOptions& options)
      : config(checked(source)),
        table(kernel_table),
        loader(std::make_unique<Loader>(table, tensors, arena, options)),
        workspace(loader->workspace()),
        dit(config.dit, {}, *loader) {
    const std::size_t width = config.dit.block.width, rows = config.dit.lead - 1;
    const float* sink = loader->copy("sink", {1, width});
    fc1 = loader->exact("state.fc1", width, config.state_channels, false);
    fc2 = loader->exact("state.fc2", width, width, false);
    loader->finish();
    loader.reset();  // it refers to the caller's tensors
    hidden = arena.floats(rows * width);
    std::copy_n(sink, width, dit.lead());
  }

  XiaomiR0Config config;
  const kernels::KernelTable& table;
  Arena arena;
  std::unique_ptr<Loader> loader;
  Workspace& workspace;
  Denoiser dit;
  Linear fc1{}, fc2{};
  float* hidden;
  std::mutex busy;
};

XiaomiR0Engine::XiaomiR0Engine(const XiaomiR0Config& config, const Tensors& tensors,
                               const kernels::KernelTable& table, const EngineOptions& options)
    : parts_(std::make_unique<Parts>(config, tensors, table, options)) {}

XiaomiR0Engine::~XiaomiR0Engine() = default;

DenoiseStatus XiaomiR0Engine::encode(const Observation& o) noexcept {
  Parts& p = *parts_;
  const DenoiserConfig& dit = p.config.dit;
  const std::size_t row = dit.block.key_width(), rows = dit.lead - 1, width = dit.block.width;
  const std::size_t keys = o.keys.size() / (row * dit.layers);
  if (o.keys.size() != keys * row * dit.layers || o.values.size() != o.keys.size() ||
      o.state.size() != rows * p.config.state_channels)
    return DenoiseStatus::wrong_sizes;
  const std::lock_guard<std::mutex> lock(p.busy);
  if (const DenoiseStatus status = p.dit.set_prefix(keys, o.positions); status != DenoiseStatus::ok)
    return status;
  for (std::size_t layer = 0; layer < dit.layers; ++layer) {
    const std::size_t at = layer * keys * row;
    store_keys(p.table, {o.keys.data() + at, o.values.data() + at, row, keys, 0, p.dit.caches()[layer]});
  }
  float* input = const_cast<float*>(o.state.data());  // multiply() never writes to its input
  float* tokens = p.dit.lead() + width;
  multiply(p.table, p.fc1, {input, p.config.state_channels, rows}, {p.hidden, width, rows},
           dit.embed_activation);
  multiply(p.table, p.fc2, {p.hidden, width, rows}, {tokens, width, rows});
  if (o.probe != nullptr) o.probe->see("state", "embed", 0, {tokens, width, rows}, width);
  return DenoiseStatus::ok;
}

DenoiseStatus XiaomiR0Engine::denoise(const Denoiser::Run& call) noexcept {
  const std::lock_guard<std::mutex> lock(parts_->busy);
  return parts_->dit.run(call);
}

const XiaomiR0Config& XiaomiR0Engine::config() const noexcept { return parts_->config; }
std::size_t XiaomiR0Engine::arena_bytes() const noexcept { return parts_->arena.bytes(); }
std::uint64_t XiaomiR0Engine::weight_bytes_read() const noexcept {
  return parts_->workspace.bytes_read.read();
}
const char* XiaomiR0Engine::isa() const noexcept { return parts_->table.isa; }

}  // namespace motorium
