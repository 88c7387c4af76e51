#include "engine/families/being_h05_engine.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace motorium {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("Being-H0.5 config: ") + what);
}

/// Runs the tokens after the actions once the first step has left its keys, where the reference has them.
class BehindProbe final : public Probe {
 public:
  BehindProbe(Probe& next, BeingH05Prefix& prefix, std::span<const std::int32_t> behind, std::size_t key)
      : next_(next), prefix_(prefix), behind_(behind), key_(key) {}

  void see(const char* stream, const char* what, std::size_t index, const ConstRows& rows,
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

BeingH05Engine::BeingH05Engine(const BeingH05Config& source, const Tensors& tensors,
                               const kernels::KernelTable& kernels, const EngineOptions& options)
    : FamilyEngine(source, tensors, kernels, options),
      vit_(config(), loader()),
      expert_(config().expert, {}, loader()),
      prefix_(config(), expert_, loader()) {
  const std::size_t a = config().expert.block.width;
  state_fc1_ = loader().exact("state.fc1", a, config().slots, true);
  state_fc2_ = loader().exact("state.fc2", a, a, true);
  finish_loading();
  images_ = arena().floats((config().expert.prefix + config().view_tokens()) * config().text.width);
  state_hidden_ = arena().floats(a);
  state_ = arena().floats(a);
}

DenoiseStatus BeingH05Engine::check(const Observation& o, std::size_t& views) const noexcept {
  const std::size_t view = 3 * config().image * config().image;
  if (o.pixels.size() % view != 0 || o.state.size() != config().slots) return DenoiseStatus::wrong_sizes;
  if (o.prompt.empty() || o.prompt.size() > config().expert.prefix) return DenoiseStatus::out_of_range;
  if (o.behind.size() > config().expert.prefix) return DenoiseStatus::out_of_range;
  views = o.pixels.size() / view;
  std::size_t image_tokens = 0, states = 0;
  const auto known = [this](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < config().vocabulary;
  };
  for (const std::int32_t id : o.prompt) {
    image_tokens += id == BeingH05Config::kImageToken;
    states += id == BeingH05Config::kStateToken;
    if (id != BeingH05Config::kImageToken && id != BeingH05Config::kStateToken && !known(id))
      return DenoiseStatus::out_of_range;
  }
  for (const std::int32_t id : o.behind)
    if (!known(id)) return DenoiseStatus::out_of_range;
  return image_tokens == views * config().view_tokens() && states == 1 ? DenoiseStatus::ok
                                                                       : DenoiseStatus::wrong_sizes;
}

DenoiseStatus BeingH05Engine::encode(const Observation& o) noexcept {
  std::size_t views = 0;
  if (const DenoiseStatus status = check(o, views); status != DenoiseStatus::ok) return status;
  const auto turn = wait_turn();
  const std::size_t view = 3 * config().image * config().image;
  const std::size_t text = config().text.width, a = config().expert.block.width;
  for (std::size_t i = 0; i < views; ++i)
    vit_.run(o.pixels.data() + i * view, images_ + i * config().view_tokens() * text, i, o.probe);
  multiply(table(), state_fc1_, {o.state.data(), config().slots, 1}, {state_hidden_, a, 1},
           kernels::Activation::relu);
  multiply(table(), state_fc2_, {state_hidden_, a, 1}, {state_, a, 1});
  if (o.probe != nullptr) o.probe->see("state", "embed", 0, {state_, a, 1}, a);
  prefix_.run({o.prompt, images_, state_, 0, o.probe});
  if (o.probe != nullptr) behind_.assign(o.behind.begin(), o.behind.end());
  behind_key_ = o.prompt.size() + config().expert.rows;
  return expert_.set_prefix(o.prompt.size(), o.prompt.size());
}

DenoiseStatus BeingH05Engine::denoise(const Denoiser::Run& call) noexcept {
  const auto turn = wait_turn();
  const bool room = behind_key_ + behind_.size() <= config().expert.keys();
  if (call.probe == nullptr || behind_.empty() || !room) return expert_.run(call);
  BehindProbe probe(*call.probe, prefix_, behind_, behind_key_);
  Denoiser::Run watched = call;
  watched.probe = &probe;
  return expert_.run(watched);
}

}  // namespace motorium
