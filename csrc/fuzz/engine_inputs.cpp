#include "fuzz/engine_inputs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace motorium::fuzz {
namespace {

using kernels::Activation;
constexpr std::initializer_list<Activation> kActivations = {
    Activation::none,      Activation::relu,      Activation::silu,          Activation::gelu,
    Activation::gelu_tanh, Activation::silu_gate, Activation::gelu_tanh_gate};

void read_routing(Source& s, DenoiserConfig& c) {
  c.shared_layers = c.layers;
  if (!s.flag()) return;
  c.experts = s.size(1, 4);
  c.top_k = s.size(1, 4);
  c.routed_mlp = s.size(1, 8);
  c.shared_layers = s.size(0, 2);
}

std::vector<std::uint32_t> read_channels(Source& s) {
  std::vector<std::uint32_t> channels(s.byte() % 4);
  for (std::uint32_t& channel : channels) channel = static_cast<std::uint32_t>(s.size(0, 6));
  return channels;
}

/// Reads sections that usually add up.
void read_sections(Source& s, DenoiserConfig& c) {
  const auto half = static_cast<std::uint32_t>(c.block.head_dim / 2);
  c.rope_sections = {half - half / 3 * 2, half / 3, half / 3};
  if (s.byte() > 0xc0) c.rope_sections[s.byte() % 3] = static_cast<std::uint32_t>(s.size(0, 9));
}

}  // namespace

BlockConfig read_block(Source& s) {
  BlockConfig b;
  b.width = 2 * s.size(1, 8);
  b.kv_heads = s.size(1, 2);
  b.heads = b.kv_heads * s.size(1, 2);
  b.head_dim = 2 * s.size(1, 4);
  b.mlp = s.size(1, 12);
  b.activation =
      s.choice({Activation::silu_gate, Activation::gelu, Activation::gelu_tanh_gate, Activation::relu});
  b.norm = s.choice({Norm::rms, Norm::layer});
  const std::uint8_t options = s.byte();
  b.qk_norm = (options & 1) != 0;
  b.qkv_bias = (options & 2) != 0;
  b.out_bias = (options & 4) != 0;
  b.mlp_bias = (options & 8) != 0;
  b.layer_scale = (options & 16) != 0;
  b.adaptive = (options & 96) == 96;
  b.order = s.choice({NormOrder::before, NormOrder::before, NormOrder::sandwich, NormOrder::after});
  b.eps = s.real(1e-6f);
  return b;
}

DenoiserConfig read_denoiser(Source& s) {
  DenoiserConfig c;
  c.block = read_block(s);
  c.layers = s.size(1, 2);
  read_routing(s, c);
  c.rows = s.size(1, 9);
  c.channels = s.size(1, 6);
  c.lead = s.size(0, 3);
  c.tail = s.flag() ? s.size(0, 6) : 0;
  c.prefix = s.size(0, 12);
  c.mask = s.choice({Mask::causal, Mask::full, Mask::block, Mask::lambda});
  c.window = c.mask == Mask::lambda ? s.size(0, 4) : 0;
  c.rope_theta = s.flag() ? s.real(1e4f) : 0.0f;
  if (s.flag()) read_sections(s, c);
  c.rope_gap = s.size(0, 3);
  c.positions = s.flag() ? s.size(0, 40) : 0;
  c.embedding = s.choice({Embedding::timed, Embedding::untimed, Embedding::domain});
  c.embed_activation = s.choice(kActivations);
  c.head_activation = s.choice(kActivations);
  const std::uint8_t options = s.byte();
  c.embed_bias = (options & 1) != 0;
  c.head_bias = (options & 2) != 0;
  c.learnt_positions = (options & 4) != 0;
  c.head_norm = (options & 8) != 0;
  c.noise_at_one = (options & 16) != 0;
  c.committed_done = (options & 32) == 0;
  if (c.embedding == Embedding::domain) {
    c.domains = s.size(1, 3);
    c.context = s.size(0, 5);
  } else if (s.flag()) {
    c.adapters = s.size(0, 3);
  } else {
    c.slot_adapters.resize(s.byte() % 3);
    for (auto& active : c.slot_adapters) active = read_channels(s);
    c.head_width = s.flag() ? s.size(0, 9) : 0;
  }
  if (c.embedding != Embedding::untimed)
    c.time = {2 * s.size(1, 8), s.real(1000.0f), s.real(1e4f), s.flag(), s.flag()};
  c.modulation_width = c.block.adaptive ? 2 * s.size(1, 8) : 0;
  c.prediction = s.choice({Prediction::velocity, Prediction::clean});
  c.zeroed = read_channels(s);
  c.sigmoid = read_channels(s);
  if (s.flag()) c.gate = {s.size(1, 8), 1, s.size(0, 4), s.real(0.1f), s.real(1.0f)};
  return c;
}

std::vector<float> read_floats(Source& s, std::size_t usual) {
  const std::uint8_t b = s.byte();
  std::vector<float> values(b < 0xe0 ? usual : usual + b % 5);
  if (b >= 0xf8 && !values.empty()) values.pop_back();
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = i % 8 == 0 ? s.real(0.1f) : 0.01f * static_cast<float>(i % 50);
  return values;
}

std::vector<std::int32_t> read_ids(Source& s, std::size_t usual) {
  std::vector<std::int32_t> ids(s.flag() ? usual : s.byte() % 16);
  for (std::int32_t& id : ids)
    id = s.byte() < 0xf0 ? s.byte() % 8 - 2 : s.choice<std::int32_t>({INT32_MIN, INT32_MAX, 1 << 20, -3});
  return ids;
}

EngineOptions read_options(Source& s) {
  return {s.choice({Precision::float32, Precision::bfloat16, Precision::int8}), 1, {}};
}

bool Weights::add(const std::string& list, std::size_t at, std::size_t& total, Source& s) {
  const std::size_t end = list.find(' ', at + 7), from = list.find('(', end);
  std::vector<std::size_t> shape;
  std::size_t count = 1;
  for (const char* next = list.c_str() + from; *next != ')';) {
    char* after = nullptr;
    shape.push_back(std::strtoul(next + 1, &after, 10));
    count = std::min(count, kMax + 1) * std::min(shape.back(), kMax + 1);
    next = after;
  }
  total += count;
  if (total > kMax) return false;
  const std::uint8_t fate = s.byte();
  if (fate == 0xff) return true;  // missing
  if (fate == 0xfe && !shape.empty()) count += count / shape[0], ++shape[0];
  if (fate == 0xfd) shape.push_back(1);
  auto& values = storage_.emplace_back(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>((i * 7 + at) % 13) / 13.0f - 0.5f;
  if (fate >= 0xf0 && fate < 0xfd && count > 0)
    values[fate % count] = s.choice({std::nanf(""), 1e30f, -std::numeric_limits<float>::infinity()});
  tensors[list.substr(at + 7, end - at - 7)] = {values.data(), shape};
  return true;
}

}  // namespace motorium::fuzz
