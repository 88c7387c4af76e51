// The options of a denoiser, read from a config.
#include "config_options.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

constexpr std::array kMasks{std::pair{"causal", Mask::causal}, std::pair{"full", Mask::full},
                            std::pair{"block", Mask::block}, std::pair{"lambda", Mask::lambda}};
constexpr std::array kEmbeddings{std::pair{"timed", Embedding::timed},
                                 std::pair{"untimed", Embedding::untimed},
                                 std::pair{"domain", Embedding::domain}};
constexpr std::array kPredictions{std::pair{"velocity", Prediction::velocity},
                                  std::pair{"clean", Prediction::clean}};

TimeConfig read_time(const py::dict& table) {
  TimeConfig t;
  Options options(table, "time");
  options.optional("width", t.width);
  options.optional("scale", t.scale);
  options.optional("period", t.period);
  options.optional("cosine_first", t.cosine_first);
  options.optional("whole", t.whole);
  options.close();
  return t;
}

GateConfig read_gate(const py::dict& table) {
  GateConfig g;
  Options options(table, "gate");
  options.optional("width", g.width);
  options.optional("directions", g.directions);
  options.optional("strength", g.strength);
  options.optional("temperature", g.temperature);
  options.close();
  return g;
}

void read_sizes(Options& options, DenoiserConfig& c) {
  c.layers = options.required<std::size_t>("layers");
  c.shared_layers = c.layers;
  c.rows = options.required<std::size_t>("rows");
  c.channels = options.required<std::size_t>("channels");
  options.optional("shared_layers", c.shared_layers);
  options.optional("experts", c.experts);
  options.optional("top_k", c.top_k);
  options.optional("routed_mlp", c.routed_mlp);
  options.optional("context", c.context);
  options.optional("lead", c.lead);
  options.optional("tail", c.tail);
  options.optional("prefix", c.prefix);
}

/// Reads options whose meaning depends on the key `format`. Format 1, also of configs that do not name it:
/// `window` counts the row itself, `adapters` is a number of whole tables. Format 2: `window` is the number
/// of rows before it, `adapters` lists per embodiment the channels whose matrices it uses.
void read_by_format(Options& options, DenoiserConfig& c) {
  constexpr std::size_t kNewest = 2;
  std::size_t format = 1;
  std::optional<std::size_t> window;
  options.optional("format", format);
  options.optional("window", window);
  if (format < 1 || format > kNewest)
    throw py::value_error("denoiser format " + std::to_string(format) +
                          " is unknown; this version reads 1 and 2");
  const bool itself = format == 1;  // the window counts the row itself
  if (c.mask == Mask::lambda && (!window || (itself && *window == 0)))
    throw py::value_error("the lambda mask needs a window");
  if (c.mask != Mask::lambda && window.value_or(0) > 0)
    throw py::value_error("only the lambda mask has a window");
  if (c.mask == Mask::lambda) c.window = itself ? *window - 1 : *window;
  try {
    if (format == 1) {
      options.optional("adapters", c.adapters);
    } else {
      options.optional("adapters", c.slot_adapters);
    }
  } catch (const py::cast_error&) {
    throw py::value_error(format == 1 ? "adapters of format 1 are a number of embodiments"
                                      : "adapters of format 2 are a list of channels per embodiment");
  }
}

void read_flow(Options& options, DenoiserConfig& c) {
  options.choice("mask", kMasks, c.mask);
  read_by_format(options, c);
  options.optional("rope_theta", c.rope_theta);
  options.optional("rope_sections", c.rope_sections);
  options.optional("rope_gap", c.rope_gap);
  options.optional("positions", c.positions);
  options.choice("embedding", kEmbeddings, c.embedding);
  options.choice("embed_activation", kActivations, c.embed_activation);
  options.choice("head_activation", kActivations, c.head_activation);
  options.optional("embed_bias", c.embed_bias);
  options.optional("head_bias", c.head_bias);
  options.optional("learnt_positions", c.learnt_positions);
  options.optional("head_norm", c.head_norm);
  options.optional("head_width", c.head_width);
  options.optional("domains", c.domains);
  options.optional("modulation_width", c.modulation_width);
  options.choice("prediction", kPredictions, c.prediction);
  options.optional("noise_at_one", c.noise_at_one);
  options.optional("locked_done", c.committed_done);
  options.optional("zeroed", c.zeroed);
  options.optional("sigmoid", c.sigmoid);
}

}  // namespace

DenoiserConfig read_denoiser(const py::dict& table) {
  DenoiserConfig c;
  Options options(table, "denoiser");
  c.block = read_block(options.required<py::dict>("block"));
  read_sizes(options, c);
  read_flow(options, c);
  py::dict time, gate;
  options.optional("time", time);
  options.optional("gate", gate);
  c.time = read_time(time);
  c.gate = read_gate(gate);
  options.close();
  return c;
}

}  // namespace motorium
