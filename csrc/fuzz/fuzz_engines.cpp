// Untrusted configs, tensor lists and calls for every engine: must be opened and run, or refused with
// std::invalid_argument or a status. The first byte chooses the engine, later ones its sizes (often small,
// sometimes huge), options, what is wrong with its tensors, and what its calls are given.
#include <cstdint>
#include <stdexcept>
#include <string>

#include "engine/families/being_h05_engine.hpp"
#include "engine/families/florence_encoder.hpp"
#include "engine/families/nano_engine.hpp"
#include "engine/families/xiaomi_r0_engine.hpp"
#include "engine/families/xvla_engine.hpp"
#include "fuzz/engine_inputs.hpp"
#include "kernels/dispatch.hpp"

namespace {

using namespace motorium;
using namespace motorium::fuzz;

void fuzz_denoiser(Source& s, const kernels::KernelTable& table) {
  const DenoiserConfig config = read_denoiser(s);
  const EngineOptions options = read_options(s);
  Weights weights;
  weights.fill(
      [&](const Tensors& tensors) {
        config.check();
        Arena arena;
        Loader loader(table, tensors, arena, options);
        const Denoiser denoiser(config, {}, loader);
        loader.finish();
      },
      s);
  config.check();
  Arena arena;
  Loader loader(table, weights.tensors, arena, options);
  Denoiser denoiser(config, {}, loader);
  loader.finish();
  for (int call = 0; call < 2; ++call) {
    denoiser.set_prefix(s.size(0, 12), {s.size(0, 20), s.size(0, 20), s.size(0, 20)});
    denoiser.set_prefix(s.size(0, 12), s.size(0, 20));
    denoiser.set_tail(s.size(0, 6));
    call_denoiser(s, config, [&](const Denoiser::Run& run) { denoiser.run(run); });
  }
}

void fuzz_being(Source& s, const kernels::KernelTable& table) {
  BeingH05Config c;
  c.expert = read_denoiser(s);
  c.slots = c.expert.channels;
  c.text = read_block(s);
  if (s.byte() < 0xf0) c.text.kv_heads = c.expert.block.kv_heads, c.text.head_dim = c.expert.block.head_dim;
  c.vit = read_block(s);
  c.vit_layers = s.size(1, 2);
  c.patch = s.size(1, 3);
  c.image = 2 * c.patch * s.size(1, 2);
  c.vocabulary = s.size(1, 6);
  const EngineOptions options = read_options(s);
  Weights weights;
  weights.fill([&](const Tensors& tensors) { BeingH05Engine(c, tensors, table, options); }, s);
  BeingH05Engine engine(c, weights.tensors, table, options);
  for (int call = 0; call < 2; ++call) {
    const std::size_t views = s.byte() % 3;
    const auto pixels = read_floats(s, views * 3 * c.image * c.image);
    std::vector<std::int32_t> prompt = read_ids(s, 3);
    if (s.byte() < 0xf0) {  // as many image tokens as the views have, and one state
      for (std::int32_t& id : prompt) id = std::max(id, 0);
      prompt.insert(prompt.begin(), views * c.view_tokens(), -1);
      prompt.push_back(-2);
    }
    const auto state = read_floats(s, c.slots);
    const auto behind = read_ids(s, 0);
    engine.encode({pixels, prompt, state, behind});
    call_denoiser(s, c.expert, [&](const Denoiser::Run& run) { engine.denoise(run); });
  }
}

void fuzz_xvla(Source& s, const kernels::KernelTable& table) {
  XvlaConfig c;
  c.head = read_denoiser(s);
  if (s.byte() < 0xf0) {
    c.head.embedding = Embedding::domain;
    c.head.adapters = 0;
    c.head.mask = Mask::full;
    c.head.window = 0;
    c.head.lead = c.head.prefix = 0;
    if (c.head.time.width == 0) c.head.time.width = 4;
  }
  c.feature_width = s.size(1, 8);
  c.soft_prompts = s.size(0, 3);
  c.positions = s.size(1, 24);
  const EngineOptions options = read_options(s);
  Weights weights;
  weights.fill([&](const Tensors& tensors) { XvlaEngine(c, tensors, table, options); }, s);
  XvlaEngine engine(c, weights.tensors, table, options);
  for (int call = 0; call < 2; ++call) {
    const auto features = read_floats(s, s.byte() % 6 * c.feature_width);
    const auto views = read_floats(s, s.byte() % 4 * c.feature_width);
    engine.encode(features, views, s.size(0, 2), nullptr);
    call_denoiser(s, c.head, [&](const Denoiser::Run& run) { engine.denoise(run); });
  }
}

void fuzz_xiaomi(Source& s, const kernels::KernelTable& table) {
  XiaomiR0Config c;
  c.dit = read_denoiser(s);
  if (s.byte() < 0xf0) {
    c.dit.embedding = Embedding::untimed;
    c.dit.domains = 1;
    c.dit.context = 0;
    c.dit.time = {};
    c.dit.lead = s.size(1, 3);
    c.dit.prefix = s.size(1, 8);
  }
  c.state_channels = s.size(1, 5);
  const EngineOptions options = read_options(s);
  Weights weights;
  weights.fill([&](const Tensors& tensors) { XiaomiR0Engine(c, tensors, table, options); }, s);
  XiaomiR0Engine engine(c, weights.tensors, table, options);
  for (int call = 0; call < 2; ++call) {
    const std::size_t cached = s.byte() % 10 * c.dit.layers * c.dit.block.key_width();
    const auto keys = read_floats(s, cached), values = read_floats(s, cached);
    const auto state = read_floats(s, (c.dit.lead - 1) * c.state_channels);
    engine.encode({keys, values, {s.size(0, 20), s.size(0, 20), s.size(0, 20)}, state});
    call_denoiser(s, c.dit, [&](const Denoiser::Run& run) { engine.denoise(run); });
  }
}

void fuzz_florence(Source& s, const kernels::KernelTable& table) {
  FlorenceConfig c;
  c.stages.resize(s.byte() % 3 + (s.byte() < 0xf0));
  for (DavitStage& stage : c.stages) {
    const std::size_t heads = s.size(1, 2), patch = s.size(1, 4);
    stage = {2 * heads * s.size(1, 3),     s.size(1, 2), heads,   s.size(1, 2), patch,
             s.size(1, patch ? patch : 1), s.size(0, 2), s.flag()};
  }
  c.image = s.size(8, 20);
  c.window = s.size(1, 5);
  c.most_positions = s.size(1, 50);
  c.temporal_positions = s.size(1, 4);
  c.text = read_block(s);
  c.text_layers = s.size(1, 2);
  c.vocabulary = s.size(1, 6);
  c.most_tokens = s.size(1, 300);
  c.position_rows = s.byte() < 0xf0 ? c.most_tokens + 2 : s.size(0, 40);
  const EngineOptions options = read_options(s);
  Weights weights;
  weights.fill([&](const Tensors& tensors) { FlorenceEncoder(c, tensors, table, options); }, s);
  FlorenceEncoder encoder(c, weights.tensors, table, options);
  const std::size_t views = s.byte() % 3, tokens = c.view_tokens(), width = c.text.width;
  const auto pixels = read_floats(s, views * 3 * c.image * c.image);
  const std::vector<std::uint8_t> valid(views, s.byte());
  const auto ids = read_ids(s, 3);
  std::vector<float> features((tokens + ids.size()) * width),
      others((views == 0 ? 0 : views - 1) * tokens * width);
  encoder.encode({pixels, valid, ids, features, others});
}

NanoConfig read_nano(Source& s) {
  NanoConfig c{};
  c.rows = s.size(1, 8), c.vocabulary = s.size(1, 6), c.max_tokens = s.size(1, 4);
  c.embodiments = s.size(1, 2), c.scene = s.size(1, 3);
  for (std::size_t views = s.byte() % 3; views > 0; --views)
    c.views.push_back({std::string(1, static_cast<char>('a' + views)), s.size(16, 33), s.size(16, 40)});
  c.image_mean = {s.real(0.5f), 0.5f, 0.5f};
  c.image_std = {s.real(0.3f), 0.3f, 0.3f};
  for (std::size_t n = s.byte() % 4; n > 0; --n)
    c.state.push_back({static_cast<std::uint32_t>(s.byte()), s.real(0.1f), s.real(0.5f)});
  for (std::size_t n = s.byte() % 4; n > 0; --n) c.action.push_back({s.byte(), s.byte() > 0xc0});
  const std::size_t numbers = std::min<std::size_t>(c.rows, 300) * c.action.size();
  c.action_mean.assign(numbers, s.real(0.0f));
  c.action_std.assign(numbers + s.byte() / 250, s.real(1.0f));
  c.groups = s.size(1, 2);
  c.prefix_width = 4 * s.size(1, 4), c.expert_width = 2 * s.size(1, 8);
  c.heads = s.size(1, 3), c.head_dim = s.size(1, 6), c.layers = s.size(1, 3), c.shared_layers = s.size(0, 3);
  c.prefix_mlp = s.size(1, 8), c.expert_mlp = s.size(1, 8), c.routed_mlp = s.size(1, 8);
  c.experts = s.size(1, 4), c.top_k = s.size(1, 2), c.soft_tokens = s.size(1, 3);
  c.vision_channels = {2 * s.size(1, 3), 2 * s.size(1, 3), c.prefix_width};
  c.rms_eps = s.real(1e-6f), c.norm_eps = s.real(1e-5f);
  if (s.flag()) {
    c.slot_adapters.resize(s.byte() % 8 != 0 ? std::min<std::size_t>(c.embodiments, 8) : s.byte() % 3);
    for (auto& active : c.slot_adapters)
      if (s.flag()) active = {s.byte() < 0xf0 && !c.action.empty() ? c.action[0].slot : s.byte()};
  }
  if (s.flag()) c.points = s.size(1, 5), c.point_tokens = s.size(1, 3);
  return c;
}

void fuzz_nano(Source& s, const kernels::KernelTable& table) {
  const NanoConfig c = read_nano(s);
  const EngineOptions options = read_options(s);
  Weights weights;
  weights.fill([&](const Tensors& tensors) { NanoEngine(c, tensors, table, options); }, s);
  NanoEngine engine(c, weights.tensors, table, options);
  std::vector<std::vector<std::uint8_t>> images;
  std::vector<const std::uint8_t*> pixels;
  for (const NanoView& view : c.views) {
    images.emplace_back(view.height * view.width * 3, s.byte());
    pixels.push_back(images.back().data());
  }
  if (s.byte() > 0xf8) pixels.clear();
  for (int call = 0; call < 2; ++call) {
    engine.encode(pixels, read_ids(s, c.max_tokens), s.size(0, 1));
    const auto state = read_floats(s, 200), noise = read_floats(s, c.rows * 200);
    const auto committed = read_floats(s, s.byte() % (c.rows + 2) * 200);
    std::vector<float> out(c.rows * 200), scene(c.scene);
    engine.denoise({state, noise, committed, s.size(0, 4), out});
    engine.read_scene(scene);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Source s(data, size);
  const std::uint8_t first = s.byte();
  static const std::vector<std::string> isas = kernels::available_isas();
  const kernels::KernelTable& table = kernels::select_table(isas[first / 8 % isas.size()]);
  constexpr void (*kEngines[])(Source&, const kernels::KernelTable&) = {
      fuzz_denoiser, fuzz_being, fuzz_xvla, fuzz_xiaomi, fuzz_florence, fuzz_nano};
  try {
    kEngines[first % 8 % 6](s, table);
  } catch (const std::invalid_argument&) {  // the correct answer to whatever does not fit
  }
  return 0;
}
