#include "engine/families/xvla_engine.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace motorium {
namespace {

const XvlaConfig& checked(const XvlaConfig& config) {
  config.check();
  return config;
}

}  // namespace

void XvlaConfig::check() const {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("X-VLA config: ") + what);
  };
  head.check();
  require(
      head.embedding == Embedding::domain && head.mask == Mask::full && head.lead == 0 && head.prefix == 0,
      "the head embeds per domain, sees everything, and has neither lead nor prefix");
  require(feature_width >= 1 && feature_width <= 16384, "feature_width must be 1..16384");
  require(soft_prompts <= head.tail && positions >= head.rows && positions <= 65536,
          "soft prompts or positions out of range");
  require(head.tail - soft_prompts <= positions - head.rows, "features need a position each");
}

struct XvlaEngine::Parts {
  Parts(const XvlaConfig& source, const Tensors& tensors, const kernels::KernelTable& kernel_table,
        const EngineOptions& options)
      : config(checked(source)),
        table(kernel_table),
        loader(std::make_unique<Loader>(table, tensors, arena, options)),
        workspace(loader->workspace()),
        head(config.head, {}, *loader) {
    const std::size_t width = config.head.block.width;
    features = loader->exact("features", width, config.feature_width, true);
    views = loader->exact("views", width, config.feature_width, true);
    position = loader->copy("position", {1, config.positions, width});
    soft = loader->copy("soft_prompt", {config.head.domains, config.soft_prompts * width});
    loader->finish();
    loader.reset();  // it refers to the caller's tensors
    proprio = arena.floats(config.head.context);
  }

  /// Rows of features behind the first `place` tokens of the sequence.
  void project(const Linear& linear, std::span<const float> from, std::size_t place) noexcept {
    const std::size_t width = config.head.block.width, count = from.size() / config.feature_width;
    float* to = head.tail() + (place - config.head.rows) * width;
    float* input = const_cast<float*>(from.data());  // multiply() never writes to its input
    multiply(table, linear, {input, config.feature_width, count}, {to, width, count});
    table.f32_add_scaled({to, position + place * width, to, count * width, 1.0f});
  }

  XvlaConfig config;
  const kernels::KernelTable& table;
  Arena arena;
  std::unique_ptr<Loader> loader;
  Workspace& workspace;
  Denoiser head;
  Linear features{}, views{};
  const float *position, *soft;
  float* proprio;
  std::size_t domain = 0;
  std::mutex busy;
};

XvlaEngine::XvlaEngine(const XvlaConfig& config, const Tensors& tensors, const kernels::KernelTable& table,
                       const EngineOptions& options)
    : parts_(std::make_unique<Parts>(config, tensors, table, options)) {}

XvlaEngine::~XvlaEngine() = default;

DenoiseStatus XvlaEngine::encode(std::span<const float> features, std::span<const float> views,
                                 std::size_t domain, Probe* probe) noexcept {
  Parts& p = *parts_;
  const std::size_t f = p.config.feature_width, width = p.config.head.block.width;
  if (features.size() % f != 0 || views.size() % f != 0) return DenoiseStatus::wrong_sizes;
  if (domain >= p.config.head.domains) return DenoiseStatus::out_of_range;
  const std::size_t first = features.size() / f, count = first + views.size() / f;
  if (count + p.config.soft_prompts > p.config.head.tail) return DenoiseStatus::out_of_range;
  const std::lock_guard<std::mutex> lock(p.busy);
  p.domain = domain;
  p.project(p.features, features, p.config.head.rows);
  p.project(p.views, views, p.config.head.rows + first);
  const std::size_t prompts = p.config.soft_prompts * width;
  std::copy_n(p.soft + domain * prompts, prompts, p.head.tail() + count * width);
  if (probe != nullptr)
    probe->see("xvla", "tail", 0, {p.head.tail(), width, count + p.config.soft_prompts}, width);
  return p.head.set_tail(count + p.config.soft_prompts);
}

DenoiseStatus XvlaEngine::denoise(Denoiser::Run call) noexcept {
  Parts& p = *parts_;
  if (call.context.size() != p.config.head.context) return DenoiseStatus::wrong_sizes;
  const std::lock_guard<std::mutex> lock(p.busy);
  // The channels that the action space zeroes are zeroed in proprio too.
  std::copy(call.context.begin(), call.context.end(), p.proprio);
  for (const std::uint32_t channel : p.config.head.zeroed)
    if (channel < call.context.size()) p.proprio[channel] = 0.0f;
  call.context = {p.proprio, call.context.size()};
  call.domain = p.domain;
  if (call.probe != nullptr)
    call.probe->see("xvla", "proprio", 0, {p.proprio, call.context.size(), 1}, call.context.size());
  return p.head.run(call);
}

const XvlaConfig& XvlaEngine::config() const noexcept { return parts_->config; }
std::size_t XvlaEngine::arena_bytes() const noexcept { return parts_->arena.bytes(); }
std::uint64_t XvlaEngine::weight_bytes_read() const noexcept { return parts_->workspace.bytes_read.read(); }
const char* XvlaEngine::isa() const noexcept { return parts_->table.isa; }

}  // namespace motorium
