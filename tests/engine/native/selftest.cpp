// Kernels against their plain twins, the engine on every instruction set, and no allocation in steady state:
// without Python, so that it also runs under an emulator of another processor. Exit status 0 and "selftest
// ok" on success.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "count_allocations.hpp"
#include "engine/families/nano_engine.hpp"
#include "kernel_checks.hpp"

namespace {

using namespace motorium;
using namespace motorium::checks;

NanoConfig small_config() {
  NanoConfig c{};
  c.rows = 7;
  c.vocabulary = 5;
  c.max_tokens = 3;
  c.embodiments = 2;
  c.scene = 3;
  c.views = {{"a", 37, 50}, {"b", 24, 24}};
  c.image_mean = {0.5f, 0.4f, 0.3f};
  c.image_std = {0.2f, 0.3f, 0.4f};
  c.state = {{50, 0.1f, 0.5f}, {18, 0.3f, 0.4f}};
  c.action = {{50, true}, {18, false}};
  c.action_mean = random_floats(14, 8, 0.1f);
  c.action_std.assign(14, 0.5f);
  c.prefix_width = 12, c.expert_width = 10, c.heads = 3, c.head_dim = 5, c.layers = 3, c.shared_layers = 1;
  c.prefix_mlp = 7, c.expert_mlp = 9, c.experts = 3, c.top_k = 2, c.routed_mlp = 11, c.soft_tokens = 2,
  c.groups = 2;
  c.vision_channels = {4, 6, 12};
  c.rms_eps = 1e-6f, c.norm_eps = 1e-5f;
  return c;
}

/// Names and shapes as in policies/nano/weights.py.
std::map<std::string, std::vector<std::size_t>> tensor_shapes(const NanoConfig& c) {
  const std::size_t u = c.prefix_width, a = c.expert_width, inner = c.heads * c.head_dim, s = c.scene;
  std::map<std::string, std::vector<std::size_t>> shapes = {
      {"text.embedding.weight", {c.vocabulary, u}},
      {"text.position", {c.max_tokens, u}},
      {"soft_prompt", {c.embodiments, c.soft_tokens, u}},
      {"readout", {1, u}},
      {"scene.norm.weight", {u}},
      {"action.position", {c.rows, a}},
      {"out.norm.weight", {a}}};
  const auto linear = [&](const std::string& name, std::size_t n, std::size_t k) {
    shapes[name + ".weight"] = {n, k};
    shapes[name + ".bias"] = {n};
  };
  linear("scene.head", s, u), linear("scene.embed", a, s), linear("state.fc1", a, 200),
      linear("state.fc2", a, a);
  linear("action.w1", a, 200), linear("action.w2", a, 2 * a), linear("action.w3", a, a),
      linear("out.fc1", a, a);
  linear("out.fc2", 200, a);
  for (const NanoView& view : c.views) {
    const std::string here = "vision." + view.role + ".";
    const auto [c1, c2, c3] = c.vision_channels;
    const std::size_t stages[4][3] = {{c1, 3, 6}, {c2, c1, 3}, {c2, c2, 3}, {c3, c2, 3}};
    for (std::size_t i = 0; i < 4; ++i) {
      const std::string number = std::to_string(i + 1);
      shapes[here + "conv" + number + ".weight"] = {stages[i][0], stages[i][1], stages[i][2], stages[i][2]};
      for (const char* name : {".bias"}) shapes[here + "conv" + number + name] = {stages[i][0]};
      for (const char* name : {".weight", ".bias"}) shapes[here + "norm" + number + name] = {stages[i][0]};
    }
    linear(here + "film", 2 * c2, u);
    shapes[here + "position"] = {c.view_tokens(view), c3};
  }
  for (std::size_t layer = 0; layer < c.layers; ++layer) {
    for (const bool expert : {false, true}) {
      const std::string here = "layers." + std::to_string(layer) + (expert ? ".expert." : ".prefix.");
      const std::size_t width = expert ? a : u;
      for (const char* name : {"norm1", "norm2"}) shapes[here + name + ".weight"] = {width};
      for (const char* name : {"q_norm", "k_norm"}) shapes[here + name + ".weight"] = {c.head_dim};
      for (const char* name : {"q", "k", "v"}) shapes[here + name + ".weight"] = {inner, width};
      shapes[here + "o.weight"] = {width, inner};
      if (expert && layer >= c.shared_layers) {
        shapes[here + "router.weight"] = {c.experts, a};
        for (const char* name : {"gate", "up"})
          shapes[here + "experts." + name + ".weight"] = {c.experts, c.routed_mlp, a};
        shapes[here + "experts.down.weight"] = {c.experts, a, c.routed_mlp};
      } else {
        const std::size_t hidden = expert ? c.expert_mlp : c.prefix_mlp;
        for (const char* name : {"gate", "up"}) shapes[here + name + ".weight"] = {hidden, width};
        shapes[here + "down.weight"] = {width, hidden};
      }
    }
  }
  return shapes;
}

/// One chunk on one instruction set; the second round of calls must not allocate.
Floats run_engine(const KernelTable& table, const EngineOptions& options = {}) {
  const NanoConfig config = small_config();
  std::map<std::string, Floats> storage;
  Tensors tensors;
  unsigned seed = 100;
  for (const auto& [name, shape] : tensor_shapes(config)) {
    std::size_t count = 1;
    for (std::size_t size : shape) count *= size;
    storage[name] = random_floats(count, ++seed, 0.4f);
    tensors[name] = {storage[name].data(), shape};
  }
  NanoEngine engine(config, tensors, table, options);
  std::vector<std::vector<std::uint8_t>> images;
  std::vector<const std::uint8_t*> pixels;
  for (const NanoView& view : config.views) {
    images.emplace_back(view.height * view.width * 3);
    for (std::size_t i = 0; i < images.back().size(); ++i)
      images.back()[i] = static_cast<std::uint8_t>(i * 37 + i / 91);
    pixels.push_back(images.back().data());
  }
  const std::vector<std::int32_t> tokens = {4, 0, 2};
  const Floats state = random_floats(200, 7, 0.3f), noise = random_floats(7 * 200, 8),
               committed(2 * 200, 0.2f), previous(6 * 200, 0.1f), pull(6, 0.5f);
  Floats out(7 * 200);
  const std::size_t bytes = engine.arena_bytes();
  const long before = allocations;
  for (std::size_t steps : {4, 1, 64, 5}) {
    const bool ok =
        engine.encode(pixels, tokens, 1) == EngineStatus::ok &&
        engine.denoise({state, noise, committed, steps, out, previous, pull}) == EngineStatus::ok &&
        engine.denoise({state, noise, committed, steps, out}) == EngineStatus::ok;
    if (!ok) ++failures, std::printf("FAILED %s engine refused its input\n", table.isa);
  }
  if (allocations != before || engine.arena_bytes() != bytes)
    ++failures, std::printf("FAILED %s engine allocated %ld times\n", table.isa, allocations.load() - before);
  return out;
}

}  // namespace

int main() {
  const KernelTable& plain = select_table("plain");
  for (const std::string& isa : available_isas()) {
    const KernelTable& table = select_table(isa);
    test_kernels(table);
    for (const Precision precision : {Precision::float32, Precision::bfloat16, Precision::int8}) {
      // bfloat16 may round rows or not; int8 turns the last bit of a float into a step of its own.
      const float tolerance = precision == Precision::float32 ? 1e-5f : 2e-2f;
      const Floats alone = run_engine(table, {precision, 1, {}});
      expect_close(isa + " engine", alone, run_engine(plain, {precision, 1, {}}), tolerance);
      if (run_engine(table, {precision, 3, {}}) != alone)
        ++failures, std::printf("FAILED %s engine depends on the number of threads\n", table.isa);
    }
    std::printf("%s: %zu lanes\n", table.isa, table.lanes);
  }
  if (failures == 0) std::puts("selftest ok");
  return failures == 0 ? 0 : 1;
}
