// Engines at work while another thread reads their counters, for ThreadSanitizer. Exit status 0 and "engines
// ok" when counters only rise, and have counted everything at the end.
#include <atomic>
#include <cstdio>
#include <functional>
#include <thread>

#include "engine/families/being_h05_engine.hpp"
#include "engine/families/nano_engine.hpp"
#include "engine/families/xiaomi_r0_engine.hpp"
#include "engine/families/xvla_engine.hpp"
#include "kernels/dispatch.hpp"
#include "random_weights.hpp"

namespace {

using namespace motorium;
using namespace motorium::checks;

constexpr int kRuns = 40;

void expect(bool holds, const char* what) {
  if (!holds) ++failures, std::printf("FAILED %s\n", what);
}

/// `work` in this thread, `look` in another one all the while.
void beside(const char* name, const std::function<void()>& work, const std::function<std::uint64_t()>& look) {
  std::atomic<bool> done{false};
  bool rises = true;
  const std::uint64_t before = look();
  std::thread reader([&] {
    std::uint64_t seen = before;
    while (!done.load()) {
      const std::uint64_t now = look();
      rises = rises && now >= seen;
      seen = now;
    }
  });
  work();
  const std::uint64_t once = look() - before;
  for (int run = 1; run < kRuns; ++run) work();
  done.store(true);
  reader.join();
  expect(rises, name);
  expect(once > 0 && look() >= before + kRuns * (once / 2), name);
}

DenoiserConfig small_denoiser() {
  DenoiserConfig c;
  c.block = {.width = 16, .heads = 2, .kv_heads = 2, .head_dim = 8, .mlp = 16};
  c.rows = 4;
  c.channels = 3;
  c.time = {16, 1000.0f, 10000.0f, false, true};
  return c;
}

void soak_xvla(const kernels::KernelTable& table) {
  XvlaConfig config;
  config.head = small_denoiser();
  config.head.mask = Mask::full;
  config.head.embedding = Embedding::domain;
  config.head.tail = 6;
  config.head.prediction = Prediction::clean;
  config.head.noise_at_one = true;
  config.feature_width = 8;
  config.positions = 10;
  const RandomWeights weights([&](const Tensors& tensors) { XvlaEngine(config, tensors, table); });
  XvlaEngine engine(config, weights.tensors, table);
  const Floats features = random_floats(5 * 8, 1), noise = random_floats(4 * 3, 2);
  Floats out(4 * 3);
  beside(
      "xvla",
      [&] {
        expect(engine.encode(features, {}, 0, nullptr) == DenoiseStatus::ok, "xvla encode");
        expect(engine.denoise({noise, {}, 3, out}) == DenoiseStatus::ok, "xvla denoise");
      },
      [&] { return engine.weight_bytes_read(); });
}

void soak_being(const kernels::KernelTable& table) {
  BeingH05Config config;
  config.expert = small_denoiser();
  config.expert.prefix = 6;
  config.text = config.expert.block;
  config.vit = {.width = 8, .heads = 2, .kv_heads = 2, .head_dim = 4, .mlp = 8};
  config.vit.norm = Norm::layer;
  config.vit.activation = kernels::Activation::gelu;
  config.vit_layers = 1;
  config.image = 4;
  config.patch = 2;
  config.vocabulary = 8;
  config.slots = config.expert.channels;
  const RandomWeights weights([&](const Tensors& tensors) { BeingH05Engine(config, tensors, table); });
  BeingH05Engine engine(config, weights.tensors, table);
  const Floats pixels = random_floats(3 * 4 * 4, 1), state = random_floats(3, 2),
               noise = random_floats(12, 3);
  const std::vector<std::int32_t> prompt = {1, BeingH05Config::kImageToken, BeingH05Config::kStateToken, 2};
  Floats out(4 * 3);
  beside(
      "being_h05",
      [&] {
        expect(engine.encode({pixels, prompt, state, {}}) == DenoiseStatus::ok, "being_h05 encode");
        expect(engine.denoise({noise, {}, 3, out}) == DenoiseStatus::ok, "being_h05 denoise");
      },
      [&] { return engine.weight_bytes_read(); });
}

void soak_xiaomi(const kernels::KernelTable& table) {
  XiaomiR0Config config;
  config.dit = small_denoiser();
  config.dit.time = {};
  config.dit.embedding = Embedding::untimed;
  config.dit.lead = 2;
  config.dit.prefix = 4;
  config.state_channels = 3;
  const RandomWeights weights([&](const Tensors& tensors) { XiaomiR0Engine(config, tensors, table); });
  XiaomiR0Engine engine(config, weights.tensors, table);
  const Floats keys = random_floats(4 * 16, 1), state = random_floats(3, 2), noise = random_floats(12, 3);
  Floats out(4 * 3);
  beside(
      "xiaomi_r0",
      [&] {
        expect(engine.encode({keys, keys, {4, 4, 4}, state}) == DenoiseStatus::ok, "xiaomi_r0 encode");
        expect(engine.denoise({noise, {}, 3, out}) == DenoiseStatus::ok, "xiaomi_r0 denoise");
      },
      [&] { return engine.weight_bytes_read(); });
}

NanoConfig small_nano() {
  NanoConfig c{};
  c.rows = 3;
  c.vocabulary = 4;
  c.max_tokens = 2;
  c.embodiments = c.scene = 1;
  c.views = {{"front", 16, 16}};
  c.image_mean = {0.5f, 0.5f, 0.5f};
  c.image_std = {0.5f, 0.5f, 0.5f};
  c.state = {{7, 0.0f, 1.0f}};
  c.action = {{7, true}};
  c.action_mean.assign(3, 0.0f);
  c.action_std.assign(3, 1.0f);
  c.prefix_width = c.expert_width = c.heads = c.head_dim = 4;
  c.layers = c.shared_layers = c.experts = c.top_k = c.soft_tokens = c.groups = 1;
  c.prefix_mlp = c.expert_mlp = c.routed_mlp = 4;
  c.vision_channels = {4, 4, 4};
  c.rms_eps = c.norm_eps = 1e-6f;
  return c;
}

void soak_nano(const kernels::KernelTable& table) {
  const NanoConfig config = small_nano();
  const RandomWeights weights([&](const Tensors& tensors) { NanoEngine(config, tensors, table); });
  NanoEngine engine(config, weights.tensors, table);
  const std::vector<std::uint8_t> image(16 * 16 * 3, 128);
  const std::uint8_t* const images[] = {image.data()};
  const std::vector<std::int32_t> tokens = {1, 2};
  const Floats state = random_floats(200, 1), noise = random_floats(3 * 200, 2);
  Floats out(3 * 200), scene(1);
  beside(
      "nano",
      [&] {
        expect(engine.encode(images, tokens, 0) == EngineStatus::ok, "nano encode");
        expect(engine.denoise({state, noise, {}, 3, out}) == EngineStatus::ok, "nano denoise");
      },
      [&] {
        engine.read_scene(scene);
        return engine.weight_bytes_read();
      });
}

}  // namespace

int main() {
  const kernels::KernelTable& table = kernels::select_table("plain");
  soak_xvla(table);
  soak_being(table);
  soak_xiaomi(table);
  soak_nano(table);
  if (failures == 0) std::puts("engines ok");
  return failures == 0 ? 0 : 1;
}
