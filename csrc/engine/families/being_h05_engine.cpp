#include "engine/families/being_h05_engine.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

#include "engine/families/being_h05_prefix.hpp"
#include "engine/families/intern_vit.hpp"

namespace motorium {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("Being-H0.5 config: ") + what);
}

const BeingH05Config& checked(const BeingH05Config& config) {
  config.check();
  return config;
}

/// Runs the tokens behind the actions once the first step has left its keys, where the reference has them.
class BehindProbe final : public Probe {
 public:
  BehindProbe(Probe& next, BeingH05Prefix& prefix, std::span<const std::int32_t> behind, std::size_t key)
      : next_(next), prefix_(prefix), behind_(behind), key_(key) {}

  void see(const char* stream, const char* what, std::size_t index, const Rows& rows,
           std::size_t width) noexcept override {
    next_.see(stream, what, index, rows, width);
    if (done_ || std::string_view(what) != "prediction") return;
    done_ = true;
    prefix_.run({behind_, nullptr, nullptr, key_, &next_});
  }

 private:
  Probe& next_;
  BeingH05Prefix& prefix_;
  std::span<const std::int32_t> behind_;
  std::size_t key_;
  bool done_ = false;
};

}  // namespace

void BeingH05Config::check() const {
  expert.check();
  require(patch >= 1 && patch <= 64 && image >= 2 * patch && image <= 1024 && image % (2 * patch) == 0,
          "the image must hold an even number of patches per side");
  require(vit_layers >= 1 && vit_layers <= 128, "vit layers must be 1..128");
  for (const BlockConfig* block : {&vit, &text}) {
    require(block->width >= 1 && block->width <= 8192 && block->mlp >= 1 && block->mlp <= 32768,
            "width or mlp");
    require(block->heads >= 1 && block->heads <= 128 && block->kv_heads >= 1 &&
                block->heads % block->kv_heads == 0 && block->head_dim >= 1 && block->head_dim <= 512,
            "heads or head_dim");
  }
  require(text.kv_heads == expert.block.kv_heads && text.head_dim == expert.block.head_dim,
          "both streams share keys: kv_heads and head_dim must agree");
  require(vocabulary >= 1 && vocabulary <= (1u << 20), "vocabulary must be 1..1048576");
  require(expert.rope_theta == 0.0f || expert.most_positions() >= expert.keys(),
          "positions must hold the keys");
  require(slots == expert.channels && expert.prefix >= 1, "state and actions share their slots");
  require(expert.rope_sections.empty(), "both streams count positions on one axis");
}

struct BeingH05Engine::Parts {
  Parts(const BeingH05Config& source, const Tensors& tensors, const kernels::KernelTable& kernel_table,
        const EngineOptions& options)
      : config(checked(source)),
        table(kernel_table),
        loader(std::make_unique<Loader>(table, tensors, arena, options)),
        workspace(loader->workspace()),
        vit(config, *loader),
        expert(config.expert, {}, *loader),
        prefix(config, expert, *loader) {
    const std::size_t a = config.expert.block.width;
    state_fc1 = loader->exact("state.fc1", a, config.slots, true);
    state_fc2 = loader->exact("state.fc2", a, a, true);
    loader->finish();
    loader.reset();  // it refers to the caller's tensors
    images = arena.floats((config.expert.prefix + config.view_tokens()) * config.text.width);
    state_hidden = arena.floats(a);
    state = arena.floats(a);
  }

  DenoiseStatus check(const Observation& o, std::size_t& views) const noexcept {
    const std::size_t view = 3 * config.image * config.image;
    if (o.pixels.size() % view != 0 || o.state.size() != config.slots) return DenoiseStatus::wrong_sizes;
    if (o.prompt.empty() || o.prompt.size() > config.expert.prefix) return DenoiseStatus::out_of_range;
    if (o.behind.size() > config.expert.prefix) return DenoiseStatus::out_of_range;
    views = o.pixels.size() / view;
    std::size_t image_tokens = 0, states = 0;
    const auto known = [this](std::int32_t id) {
      return id >= 0 && static_cast<std::size_t>(id) < config.vocabulary;
    };
    for (const std::int32_t id : o.prompt) {
      image_tokens += id == kImageToken;
      states += id == kStateToken;
      if (id != kImageToken && id != kStateToken && !known(id)) return DenoiseStatus::out_of_range;
    }
    for (const std::int32_t id : o.behind)
      if (!known(id)) return DenoiseStatus::out_of_range;
    return image_tokens == views * config.view_tokens() && states == 1 ? DenoiseStatus::ok
                                                                       : DenoiseStatus::wrong_sizes;
  }

  BeingH05Config config;
  const kernels::KernelTable& table;
  Arena arena;
  std::unique_ptr<Loader> loader;
  Workspace& workspace;
  InternVit vit;
  Denoiser expert;
  BeingH05Prefix prefix;
  Linear state_fc1{}, state_fc2{};
  float *images, *state_hidden, *state;
  std::vector<std::int32_t> behind;  // only with a probe
  std::size_t behind_key = 0;
  std::mutex busy;
};

BeingH05Engine::BeingH05Engine(const BeingH05Config& config, const Tensors& tensors,
                               const kernels::KernelTable& table, const EngineOptions& options)
    : parts_(std::make_unique<Parts>(config, tensors, table, options)) {}

BeingH05Engine::~BeingH05Engine() = default;

DenoiseStatus BeingH05Engine::encode(const Observation& o) noexcept {
  Parts& p = *parts_;
  std::size_t views = 0;
  if (const DenoiseStatus status = p.check(o, views); status != DenoiseStatus::ok) return status;
  const std::lock_guard<std::mutex> lock(p.busy);
  const std::size_t view = 3 * p.config.image * p.config.image;
  const std::size_t text = p.config.text.width, a = p.config.expert.block.width;
  for (std::size_t i = 0; i < views; ++i)
    p.vit.run(o.pixels.data() + i * view, p.images + i * p.config.view_tokens() * text, i, o.probe);
  float* input = const_cast<float*>(o.state.data());  // multiply() never writes to its input
  multiply(p.table, p.state_fc1, {input, p.config.slots, 1}, {p.state_hidden, a, 1},
           kernels::Activation::relu);
  multiply(p.table, p.state_fc2, {p.state_hidden, a, 1}, {p.state, a, 1});
  if (o.probe != nullptr) o.probe->see("state", "embed", 0, {p.state, a, 1}, a);
  p.prefix.run({o.prompt, p.images, p.state, 0, o.probe});
  if (o.probe != nullptr) p.behind.assign(o.behind.begin(), o.behind.end());
  p.behind_key = o.prompt.size() + p.config.expert.rows;
  return p.expert.set_prefix(o.prompt.size(), o.prompt.size());
}

DenoiseStatus BeingH05Engine::denoise(const Denoiser::Run& call) noexcept {
  Parts& p = *parts_;
  const std::lock_guard<std::mutex> lock(p.busy);
  const bool room = p.behind_key + p.behind.size() <= p.config.expert.keys();
  if (call.probe == nullptr || p.behind.empty() || !room) return p.expert.run(call);
  BehindProbe probe(*call.probe, p.prefix, p.behind, p.behind_key);
  Denoiser::Run watched = call;
  watched.probe = &probe;
  return p.expert.run(watched);
}

const BeingH05Config& BeingH05Engine::config() const noexcept { return parts_->config; }
std::size_t BeingH05Engine::arena_bytes() const noexcept { return parts_->arena.bytes(); }
std::uint64_t BeingH05Engine::weight_bytes_read() const noexcept {
  return parts_->workspace.bytes_read.read();
}
const char* BeingH05Engine::isa() const noexcept { return parts_->table.isa; }

}  // namespace motorium
