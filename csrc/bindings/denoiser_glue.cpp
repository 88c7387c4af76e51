#include "denoiser_glue.hpp"

#include <array>
#include <set>
#include <utility>

namespace py = pybind11;

namespace motorium {
namespace {

using kernels::Activation;

template <typename T, std::size_t N>
void choice(const py::dict& table, const char* key, const std::array<std::pair<const char*, T>, N>& names,
            T& value) {
  if (!table.contains(key)) return;
  const auto wanted = table[key].cast<std::string>();
  std::string known;
  for (const auto& [name, result] : names) {
    if (wanted == name) {
      value = result;
      return;
    }
    known += known.empty() ? name : std::string(", ") + name;
  }
  throw py::value_error(std::string(key) + " '" + wanted + "' is unknown; known: " + known);
}

constexpr std::array kActivations{
    std::pair{"relu", Activation::relu},           std::pair{"silu", Activation::silu},
    std::pair{"gelu", Activation::gelu},           std::pair{"gelu_tanh", Activation::gelu_tanh},
    std::pair{"silu_gate", Activation::silu_gate}, std::pair{"gelu_tanh_gate", Activation::gelu_tanh_gate}};
constexpr std::array kNorms{std::pair{"rms", Norm::rms}, std::pair{"layer", Norm::layer}};
constexpr std::array kOrders{std::pair{"before", NormOrder::before}, std::pair{"after", NormOrder::after},
                             std::pair{"sandwich", NormOrder::sandwich}};
constexpr std::array kMasks{std::pair{"causal", Mask::causal}, std::pair{"full", Mask::full},
                            std::pair{"block", Mask::block}, std::pair{"lambda", Mask::lambda}};
constexpr std::array kEmbeddings{std::pair{"timed", Embedding::timed},
                                 std::pair{"untimed", Embedding::untimed},
                                 std::pair{"domain", Embedding::domain}};
constexpr std::array kPredictions{std::pair{"velocity", Prediction::velocity},
                                  std::pair{"clean", Prediction::clean}};

void refuse_unknown(const py::dict& table, const std::set<std::string>& known, const char* what) {
  for (const auto& item : table) {
    const auto key = item.first.cast<std::string>();
    if (known.count(key) == 0) throw py::value_error(std::string(what) + " has no option '" + key + "'");
  }
}

void read_time(const py::dict& table, TimeConfig& t) {
  refuse_unknown(table, {"width", "scale", "period", "cosine_first", "whole"}, "time");
  optional(table, "width", t.width);
  optional(table, "scale", t.scale);
  optional(table, "period", t.period);
  optional(table, "cosine_first", t.cosine_first);
  optional(table, "whole", t.whole);
}

void read_gate(const py::dict& table, GateConfig& g) {
  refuse_unknown(table, {"width", "directions", "strength", "temperature"}, "gate");
  optional(table, "width", g.width);
  optional(table, "directions", g.directions);
  optional(table, "strength", g.strength);
  optional(table, "temperature", g.temperature);
}

void read_flow(const py::dict& d, DenoiserConfig& c) {
  choice(d, "mask", kMasks, c.mask);
  optional(d, "window", c.window);
  optional(d, "rope_theta", c.rope_theta);
  optional(d, "rope_gap", c.rope_gap);
  optional(d, "positions", c.positions);
  choice(d, "embedding", kEmbeddings, c.embedding);
  choice(d, "embed_activation", kActivations, c.embed_activation);
  choice(d, "head_activation", kActivations, c.head_activation);
  optional(d, "embed_bias", c.embed_bias);
  optional(d, "head_bias", c.head_bias);
  optional(d, "learnt_positions", c.learnt_positions);
  optional(d, "head_norm", c.head_norm);
  optional(d, "domains", c.domains);
  optional(d, "adapters", c.adapters);
  optional(d, "modulation_width", c.modulation_width);
  choice(d, "prediction", kPredictions, c.prediction);
  optional(d, "noise_at_one", c.noise_at_one);
  optional(d, "zeroed", c.zeroed);
  optional(d, "sigmoid", c.sigmoid);
}

}  // namespace

BlockConfig read_block(const py::dict& d) {
  refuse_unknown(d,
                 {"width", "heads", "kv_heads", "head_dim", "mlp", "activation", "norm", "order", "adaptive",
                  "qk_norm", "qkv_bias", "out_bias", "mlp_bias", "layer_scale", "eps"},
                 "block");
  BlockConfig b;
  b.width = required<std::size_t>(d, "width");
  b.heads = required<std::size_t>(d, "heads");
  b.kv_heads = b.heads;
  b.head_dim = required<std::size_t>(d, "head_dim");
  b.mlp = required<std::size_t>(d, "mlp");
  optional(d, "kv_heads", b.kv_heads);
  choice(d, "activation", kActivations, b.activation);
  choice(d, "norm", kNorms, b.norm);
  choice(d, "order", kOrders, b.order);
  optional(d, "adaptive", b.adaptive);
  optional(d, "qk_norm", b.qk_norm);
  optional(d, "qkv_bias", b.qkv_bias);
  optional(d, "out_bias", b.out_bias);
  optional(d, "mlp_bias", b.mlp_bias);
  optional(d, "layer_scale", b.layer_scale);
  optional(d, "eps", b.eps);
  return b;
}

DenoiserConfig read_denoiser(const py::dict& d) {
  refuse_unknown(d,
                 {"block",
                  "layers",
                  "shared_layers",
                  "experts",
                  "top_k",
                  "routed_mlp",
                  "rows",
                  "channels",
                  "context",
                  "lead",
                  "tail",
                  "prefix",
                  "mask",
                  "window",
                  "rope_theta",
                  "rope_gap",
                  "positions",
                  "embedding",
                  "embed_activation",
                  "head_activation",
                  "embed_bias",
                  "head_bias",
                  "learnt_positions",
                  "head_norm",
                  "domains",
                  "adapters",
                  "time",
                  "modulation_width",
                  "prediction",
                  "noise_at_one",
                  "zeroed",
                  "sigmoid",
                  "gate"},
                 "denoiser");
  DenoiserConfig c;
  c.block = read_block(required<py::dict>(d, "block"));
  c.layers = required<std::size_t>(d, "layers");
  c.shared_layers = c.layers;
  c.rows = required<std::size_t>(d, "rows");
  c.channels = required<std::size_t>(d, "channels");
  for (const auto& [key, value] :
       {std::pair{"shared_layers", &c.shared_layers}, std::pair{"experts", &c.experts},
        std::pair{"top_k", &c.top_k}, std::pair{"routed_mlp", &c.routed_mlp},
        std::pair{"context", &c.context}, std::pair{"lead", &c.lead}, std::pair{"tail", &c.tail},
        std::pair{"prefix", &c.prefix}})
    optional(d, key, *value);
  read_flow(d, c);
  if (d.contains("time")) read_time(d["time"].cast<py::dict>(), c.time);
  if (d.contains("gate")) read_gate(d["gate"].cast<py::dict>(), c.gate);
  return c;
}

}  // namespace motorium
