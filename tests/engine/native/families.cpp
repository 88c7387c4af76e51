// The denoiser's options and the engines of other families without Python: every instruction set agrees with
// the plain twin, and a run allocates nothing. Exit status 0 and "families ok" on success.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include "count_allocations.hpp"
#include "engine/families/being_h05_engine.hpp"
#include "engine/families/florence_encoder.hpp"
#include "engine/families/xiaomi_r0_engine.hpp"
#include "engine/families/xvla_engine.hpp"
#include "random_weights.hpp"

namespace {

using namespace motorium;
using namespace motorium::checks;

/// Calls `run` twice; the second time must not allocate.
void expect_quiet(const std::string& what, const std::function<bool()>& run) {
  const bool first = run();
  const long before = allocations;
  const bool second = run();
  if (first && second && allocations == before) return;
  ++failures;
  std::printf("FAILED %s: ok %d %d, %ld allocations\n", what.c_str(), first, second, allocations - before);
}

DenoiserConfig small_denoiser() {
  DenoiserConfig c;
  c.block.width = 24;
  c.block.heads = 4;
  c.block.kv_heads = 2;
  c.block.head_dim = 6;
  c.block.mlp = 40;
  c.block.qk_norm = true;
  c.layers = c.shared_layers = 2;
  c.rows = 7;
  c.channels = 5;
  c.prefix = 9;
  c.lead = 1;
  c.rope_theta = 1e4f;
  c.time = {24, 1000.0f, 10000.0f, false, true};
  return c;
}

Floats run_denoiser(const std::string& what, const DenoiserConfig& config,
                    const kernels::KernelTable& table) {
  const RandomWeights weights([&](const Tensors& tensors) {
    Arena arena;
    Loader loader(table, tensors, arena);
    const Denoiser denoiser(config, {}, loader);
    loader.finish();
  });
  Arena arena;
  Loader loader(table, weights.tensors, arena);
  Denoiser denoiser(config, {}, loader);
  loader.finish();
  const std::size_t axis = config.rope_sections.empty() ? 0 : 3;
  const std::size_t values = config.rows * config.channels;
  const std::size_t passes = config.gate.width != 0 ? 2 : 1;
  const Floats noise = random_floats(passes * values, 1), committed = random_floats(2 * config.channels, 2);
  const Floats mask = random_floats(values, 3);
  Floats out(values);
  expect_quiet(what + " " + table.isa, [&] {
    bool ok = denoiser.set_prefix(0, {0, axis, axis}) == DenoiseStatus::ok;
    for (const std::size_t steps : {64, 3}) {
      Denoiser::Run call{noise, committed, steps, out};
      call.refinements = passes - 1;
      call.mask = mask;
      ok = ok && denoiser.run(call) == DenoiseStatus::ok;
    }
    return ok;
  });
  return out;
}

BeingH05Config small_being() {
  BeingH05Config c;
  c.expert = small_denoiser();
  c.expert.lead = 0;
  c.expert.channels = c.slots = 12;
  c.expert.prefix = 10;
  c.expert.gate.width = 16;
  c.text = c.expert.block;
  c.text.width = 16;
  c.vocabulary = 20;
  c.image = 8;
  c.patch = 2;
  c.vit = {.width = 12, .heads = 2, .kv_heads = 2, .head_dim = 6, .mlp = 20};
  c.vit.activation = kernels::Activation::gelu;
  c.vit.norm = Norm::layer;
  c.vit.qkv_bias = c.vit.out_bias = c.vit.mlp_bias = c.vit.layer_scale = true;
  return c;
}

Floats run_being(const kernels::KernelTable& table) {
  const BeingH05Config config = small_being();
  const RandomWeights weights([&](const Tensors& tensors) { BeingH05Engine(config, tensors, table); });
  BeingH05Engine engine(config, weights.tensors, table);
  const Floats pixels = random_floats(3 * 8 * 8, 1), state = random_floats(12, 2);
  const Floats noise = random_floats(2 * 7 * 12, 3), committed = random_floats(2 * 12, 4);
  const std::vector<std::int32_t> prompt = {3, -1, -1, -1, -1, 19, -2, 0, 7};
  Floats out(7 * 12);
  expect_quiet(std::string("being_h05 ") + table.isa, [&] {
    Denoiser::Run call{noise, committed, 4, out};
    call.refinements = 1;
    return engine.encode({pixels, prompt, state, {}}) == DenoiseStatus::ok &&
           engine.denoise(call) == DenoiseStatus::ok;
  });
  return out;
}

Floats run_xvla(const kernels::KernelTable& table) {
  XvlaConfig config;
  config.head = small_denoiser();
  config.head.block.norm = Norm::layer;
  config.head.block.activation = kernels::Activation::gelu_tanh;
  config.head.lead = config.head.prefix = 0;
  config.head.rope_theta = 0.0f;
  config.head.mask = Mask::full;
  config.head.embedding = Embedding::domain;
  config.head.domains = 3;
  config.head.context = 4;
  config.head.tail = 12;
  config.head.prediction = Prediction::clean;
  config.head.noise_at_one = true;
  config.head.zeroed = config.head.sigmoid = {1};
  config.feature_width = 8;
  config.soft_prompts = 3;
  config.positions = 16;
  const RandomWeights weights([&](const Tensors& tensors) { XvlaEngine(config, tensors, table); });
  XvlaEngine engine(config, weights.tensors, table);
  const Floats features = random_floats(5 * 8, 1), views = random_floats(4 * 8, 2);
  const Floats noise = random_floats(7 * 5, 3), proprio = random_floats(4, 4);
  Floats out(7 * 5);
  expect_quiet(std::string("xvla ") + table.isa, [&] {
    Denoiser::Run call{noise, {}, 10, out};
    call.context = proprio;
    return engine.encode(features, views, 2, nullptr) == DenoiseStatus::ok &&
           engine.denoise(call) == DenoiseStatus::ok;
  });
  return out;
}

Floats run_xiaomi(const kernels::KernelTable& table) {
  XiaomiR0Config config;
  config.dit = small_denoiser();
  config.dit.block.kv_heads = config.dit.block.heads;
  config.dit.block.adaptive = config.dit.block.qkv_bias = true;
  config.dit.block.order = NormOrder::sandwich;
  config.dit.modulation_width = 16;
  config.dit.time = {};
  config.dit.embedding = Embedding::untimed;
  config.dit.embed_bias = config.dit.head_bias = config.dit.head_norm = config.dit.committed_done = false;
  config.dit.mask = Mask::lambda;
  config.dit.rope_sections = {1, 1, 1};
  config.dit.rope_gap = 10;
  config.dit.positions = 1000;
  config.dit.head_width = 5;
  config.dit.lead = 3;
  config.state_channels = 6;
  const RandomWeights weights([&](const Tensors& tensors) { XiaomiR0Engine(config, tensors, table); });
  XiaomiR0Engine engine(config, weights.tensors, table);
  const std::size_t cached = config.dit.layers * 8 * config.dit.block.key_width();
  const Floats keys = random_floats(cached, 1), values = random_floats(cached, 2),
               state = random_floats(12, 3);
  const Floats noise = random_floats(7 * 5, 4), committed = random_floats(2 * 5, 5), mask(7 * 5, 1.0f);
  Floats out(7 * 5);
  std::size_t turn = 0;
  expect_quiet(std::string("xiaomi_r0 ") + table.isa, [&] {
    Denoiser::Run call{noise, committed, 5, out};
    call.mask = mask;
    // Positions change with every observation, and the table of angles with them.
    turn = turn % 2 + 1;
    return engine.encode({keys, values, {900 + turn, 7, 40}, state}) == DenoiseStatus::ok &&
           engine.denoise(call) == DenoiseStatus::ok;
  });
  return out;
}

Floats run_florence(const kernels::KernelTable& table) {
  FlorenceConfig config;
  config.stages = {{8, 1, 2, 2, 7, 4, 3, false}, {12, 1, 3, 3, 3, 2, 1, true}};
  config.image = 40;
  config.window = 3;
  config.text = {.width = 16, .heads = 2, .kv_heads = 2, .head_dim = 8, .mlp = 24};
  config.text.activation = kernels::Activation::gelu;
  config.text.norm = Norm::layer;
  config.text.order = NormOrder::after;
  config.text.qkv_bias = config.text.out_bias = config.text.mlp_bias = true;
  config.vocabulary = 20;
  config.most_tokens = 40;
  config.position_rows = 42;
  const RandomWeights weights([&](const Tensors& tensors) { FlorenceEncoder(config, tensors, table); });
  FlorenceEncoder encoder(config, weights.tensors, table);
  const Floats pixels = random_floats(2 * 3 * 40 * 40, 1);
  const std::vector<std::uint8_t> valid = {1, 1};
  const std::vector<std::int32_t> ids = {0, 7, 19, 1};
  const std::size_t tokens = config.view_tokens();
  Floats features((tokens + ids.size()) * 16), views(tokens * 16);
  expect_quiet(std::string("florence ") + table.isa,
               [&] { return encoder.encode({pixels, valid, ids, features, views}) == DenoiseStatus::ok; });
  features.insert(features.end(), views.begin(), views.end());
  return features;
}

std::map<std::string, Floats> run_all(const kernels::KernelTable& table) {
  std::map<std::string, Floats> results;
  DenoiserConfig c = small_denoiser();
  results["causal"] = run_denoiser("causal", c, table);
  c.gate.width = 10;
  results["gate"] = run_denoiser("gate", c, table);
  c = small_denoiser();
  c.block.adaptive = true;
  c.block.order = NormOrder::sandwich;
  c.modulation_width = 16;
  c.mask = Mask::lambda;
  c.window = 2;
  results["adaptive"] = run_denoiser("adaptive", c, table);
  c.rope_sections = {1, 1, 1};
  c.rope_gap = 4;
  c.head_width = 5;
  c.committed_done = false;
  c.slot_adapters = {{0, 3}, {3}};
  results["sections"] = run_denoiser("sections", c, table);
  c = small_denoiser();
  c.experts = 4;
  c.top_k = 2;
  c.routed_mlp = 12;
  c.shared_layers = 1;
  results["routed"] = run_denoiser("routed", c, table);
  results["being_h05"] = run_being(table);
  results["xvla"] = run_xvla(table);
  results["xiaomi_r0"] = run_xiaomi(table);
  results["florence"] = run_florence(table);
  return results;
}

}  // namespace

int main() {
  const auto expected = run_all(kernels::select_table("plain"));
  for (const std::string& isa : kernels::available_isas()) {
    for (const auto& [name, result] : run_all(kernels::select_table(isa))) {
      const Floats& twin = expected.at(name);
      if (twin.empty()) ++failures, std::printf("FAILED %s: no result\n", name.c_str());
      expect_close(isa + " " + name, result, twin, 2e-5f);
    }
    std::printf("%s\n", isa.c_str());
  }
  if (failures == 0) std::puts("families ok");
  return failures == 0 ? 0 : 1;
}
