// Kernels against their plain twins, the engine on every instruction set, and no allocation in steady state:
// without Python, so that it also runs under an emulator of another processor. Exit status 0 and "selftest
// ok" on success.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "engine/nano_engine.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/pack.hpp"

namespace {

long allocations = 0;
int failures = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t align) {
  ++allocations;
  const auto unit = static_cast<std::size_t>(align);
  if (void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace motorium;
using namespace motorium::kernels;
using Floats = std::vector<float>;

Floats random_floats(std::size_t n, unsigned seed, float scale = 1.0f) {
  std::mt19937 source(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  Floats values(n);
  for (float& value : values) value = normal(source);
  return values;
}

void expect_close(const std::string& what, const Floats& actual, const Floats& expected, float tolerance) {
  float worst = 0.0f;
  float largest = 1.0f;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::fmax(worst, std::isfinite(actual[i]) ? std::fabs(actual[i] - expected[i]) : INFINITY);
    largest = std::fmax(largest, std::fabs(expected[i]));
  }
  if (worst <= tolerance * largest) return;
  std::printf("FAILED %s: off by %g of %g\n", what.c_str(), static_cast<double>(worst),
              static_cast<double>(largest));
  ++failures;
}

Floats multiply(const KernelTable& table, std::size_t rows, std::size_t n, std::size_t k,
                Activation activation) {
  const Floats x = random_floats(rows * k, 1), w = random_floats(n * k, 2), up = random_floats(n * k, 3);
  const Floats bias = random_floats(n, 4);
  const bool gated = activation == Activation::silu_gate;
  Floats packed(gated ? packed_gated_floats(n, k, table.lanes) : packed_floats(n, k, table.lanes));
  Floats packed_bias(packed_floats(n, 1, table.lanes));
  if (gated) {
    pack_gated(w.data(), up.data(), n, k, table.lanes, packed.data());
  } else {
    pack_rows(w.data(), n, k, table.lanes, packed.data());
    pack_rows(bias.data(), n, 1, table.lanes, packed_bias.data());
  }
  Floats y(rows * n, 0.5f);
  table.f32_multiply_rows({x.data(), k, rows, packed.data(), n, k, gated ? nullptr : packed_bias.data(),
                           y.data(), n, activation, true, nullptr, nullptr, nullptr});
  return y;
}

Floats attend(const KernelTable& table, std::size_t rows, std::size_t heads, std::size_t dim,
              std::size_t keys) {
  const Floats q = random_floats(rows * heads * dim, 1);
  const Floats k = random_floats(keys * heads * dim, 2), v = random_floats(keys * heads * dim, 3);
  Floats cache_keys(key_floats(heads, dim, keys, table.panel)),
      values(value_floats(heads, dim, keys, table.panel));
  Floats scratch(score_floats(keys, table.panel)), y(rows * heads * dim);
  const KeyValues cache{cache_keys.data(), values.data(), heads, dim, keys};
  table.f32_store_keys({k.data(), v.data(), heads * dim, keys, 0, cache});
  table.f32_attend_rows(
      {q.data(), heads * dim, rows, heads, cache, keys - rows + 1, 1, y.data(), heads * dim, scratch.data()});
  return y;
}

Floats unary(const KernelTable& table, Unary op, std::size_t n) {
  const Floats x = random_floats(n, 5, 20.0f);
  Floats y(n);
  table.f32_apply_unary({x.data(), y.data(), n, op});
  if (op == Unary::exp)
    for (std::size_t i = 0; i < n; ++i) y[i] /= std::exp(x[i]);
  return y;
}

void test_kernels(const KernelTable& table) {
  const KernelTable& plain = select_table("plain");
  const std::string isa = table.isa;
  for (std::size_t n : {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100}) {
    for (std::size_t rows : {0, 1, 6, 13, 25}) {
      for (Activation a : {Activation::none, Activation::relu, Activation::silu, Activation::silu_gate})
        expect_close(isa + " multiply", multiply(table, rows, n, 21, a), multiply(plain, rows, n, 21, a),
                     1e-5f);
    }
    for (Unary op : {Unary::exp, Unary::silu, Unary::relu})
      expect_close(isa + " unary", unary(table, op, n), unary(plain, op, n), 1e-6f);
    if (n > 0) expect_close(isa + " attend", attend(table, n, 2, 9, 107), attend(plain, n, 2, 9, 107), 1e-5f);
  }
}

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

/// Names and shapes as in policies/nano_tensors.py.
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
    shapes[here + "position"] = {NanoConfig::view_tokens(view), c3};
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
Floats run_engine(const KernelTable& table) {
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
  NanoEngine engine(config, tensors, table);
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
               committed(2 * 200, 0.2f);
  Floats out(7 * 200);
  const std::size_t bytes = engine.arena_bytes();
  const long before = allocations;
  for (std::size_t steps : {4, 1, 64, 5}) {
    const bool ok = engine.encode(pixels, tokens, 1) == EngineStatus::ok &&
                    engine.denoise({state, noise, committed, steps, out}) == EngineStatus::ok;
    if (!ok) ++failures, std::printf("FAILED %s engine refused its input\n", table.isa);
  }
  if (allocations != before || engine.arena_bytes() != bytes)
    ++failures, std::printf("FAILED %s engine allocated %ld times\n", table.isa, allocations - before);
  return out;
}

}  // namespace

int main() {
  const Floats expected = run_engine(select_table("plain"));
  for (const std::string& isa : available_isas()) {
    const KernelTable& table = select_table(isa);
    test_kernels(table);
    expect_close(isa + " engine", run_engine(table), expected, 1e-5f);
    std::printf("%s: %zu lanes\n", table.isa, table.lanes);
  }
  if (failures == 0) std::puts("selftest ok");
  return failures == 0 ? 0 : 1;
}
