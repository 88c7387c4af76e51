// The options of a transformer block, read from a config.
#include "config_options.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

constexpr std::array kNorms{std::pair{"rms", Norm::rms}, std::pair{"layer", Norm::layer}};
constexpr std::array kOrders{std::pair{"before", NormOrder::before}, std::pair{"after", NormOrder::after},
                             std::pair{"sandwich", NormOrder::sandwich}};
}  // namespace

BlockConfig read_block(const py::dict& table) {
  BlockConfig b;
  Options options(table, "block");
  b.width = options.required<std::size_t>("width");
  b.heads = options.required<std::size_t>("heads");
  b.kv_heads = b.heads;
  b.head_dim = options.required<std::size_t>("head_dim");
  b.mlp = options.required<std::size_t>("mlp");
  options.optional("kv_heads", b.kv_heads);
  options.choice("activation", kActivations, b.activation);
  options.choice("norm", kNorms, b.norm);
  options.choice("order", kOrders, b.order);
  options.optional("adaptive", b.adaptive);
  options.optional("qk_norm", b.qk_norm);
  options.optional("qkv_bias", b.qkv_bias);
  options.optional("out_bias", b.out_bias);
  options.optional("mlp_bias", b.mlp_bias);
  options.optional("layer_scale", b.layer_scale);
  options.optional("eps", b.eps);
  options.close();
  return b;
}

}  // namespace motorium
