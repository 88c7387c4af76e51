// Matrix product, convolution and attention alone, for tests and benchmarks: allocate, pack, call.
#include "bind_kernels.hpp"
#include "kernels/pack.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using namespace kernels;

struct Packed {
  Packed(const KernelTable& table, Precision precision, const Floats& w, const Maybe& up, const Maybe& b) {
    const std::size_t n = size(w, 0);
    const std::size_t k = static_cast<std::size_t>(w.size()) / (n == 0 ? 1 : n);
    const Weights source{w.data(), data(up), n, k};
    weights.resize(panel_count(table, source) * panel_bytes(table, precision, k) / sizeof(float) + 1);
    pack(table, precision, source, weights.data());
    if (b) {
      bias.resize(packed_floats(n, 1, table.lanes));
      pack_rows(b->data(), n, 1, table.lanes, bias.data());
    }
  }
  const float* bias_data() const { return bias.empty() ? nullptr : bias.data(); }
  std::vector<float> weights, bias;
};

Activation activation_named(const std::string& name) {
  if (name == "relu") return Activation::relu;
  if (name == "silu") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_tanh") return Activation::gelu_tanh;
  require(name == "none", "activation must be none, relu, silu, gelu or gelu_tanh");
  return Activation::none;
}

Activation gate_named(const std::string& name) {
  if (name == "gelu_tanh") return Activation::gelu_tanh_gate;
  require(name == "none" || name == "silu", "activation of a gate must be silu or gelu_tanh");
  return Activation::silu_gate;
}

/// Converted rows of a call, for products that cannot read them as they are.
struct Converted {
  Converted(const KernelTable& table, Precision precision, MultiplyRows& call)
      : rows(call.rows * converted_stride(call.k)), scale(call.rows) {
    if (format_of(table, precision).input_bytes == 0) return;
    const auto kernel = precision == Precision::int8 ? table.i8_quantise_rows : table.bf16_round_rows;
    kernel(
        {call.x, call.x_stride, call.rows, call.k, call.x_rows, rows.data(), scale.data(), table.i8.levels});
    call.x_rows = nullptr;
    call.converted = rows.data();
    call.converted_scale = scale.data();
  }
  std::vector<std::uint16_t> rows;
  std::vector<float> scale;
};

template <Precision precision>
Floats multiply_rows(const Floats& x, const Floats& w, const Maybe& bias, const Maybe& up,
                     const std::string& activation, const Maybe& y, const std::optional<Indices>& x_rows,
                     const std::optional<Indices>& y_rows, const Maybe& row_scale, const std::string& isa,
                     const std::optional<std::string>& rounding) {
  require(x.ndim() == 2 && w.ndim() == 2 && x.shape(1) == w.shape(1), "need x (rows, k) and w (n, k)");
  const KernelTable table = rounded_like(select_table(isa), select_table(rounding.value_or(isa)));
  const Packed packed(table, precision, w, up, bias);
  const std::size_t rows = x_rows ? size(*x_rows, 0) : size(x, 0);
  Floats out = y ? copy(*y) : empty({rows, size(w, 0)});
  MultiplyRows call{x.data(),
                    size(x, 1),
                    rows,
                    packed.weights.data(),
                    size(w, 0),
                    size(w, 1),
                    packed.bias_data(),
                    out.mutable_data(),
                    size(w, 0),
                    up ? gate_named(activation) : activation_named(activation),
                    y.has_value(),
                    x_rows ? x_rows->data() : nullptr,
                    y_rows ? y_rows->data() : nullptr,
                    data(row_scale)};
  const Converted converted(table, precision, call);
  (precision == Precision::float32    ? table.f32_multiply_rows
   : precision == Precision::bfloat16 ? table.bf16_multiply_rows
                                      : table.i8_multiply_rows)(call);
  return out;
}

Floats convolve_image(const Floats& x, const Floats& w, const Maybe& bias, std::size_t stride,
                      std::size_t padding, const std::string& isa) {
  require(x.ndim() == 3 && w.ndim() == 4 && x.shape(2) == w.shape(3),
          "need x (h, w, c) and w (out, k, k, c)");
  const KernelTable& table = select_table(isa);
  const Packed packed(table, Precision::float32, w, std::nullopt, bias);
  const std::size_t kernel = size(w, 1);
  Floats out = empty({(size(x, 0) + 2 * padding - kernel) / stride + 1,
                      (size(x, 1) + 2 * padding - kernel) / stride + 1, size(w, 0)});
  std::vector<float> scratch(kConvolveRows * kernel * kernel * size(x, 2));
  table.f32_convolve_image({x.data(), size(x, 0), size(x, 1), size(x, 2), kernel, stride, padding,
                            packed.weights.data(), packed.bias_data(), size(w, 0), out.mutable_data(),
                            scratch.data()});
  return out;
}

template <bool narrow>
Floats attend_rows(const Floats& q, const Floats& k, const Floats& v, std::size_t visible_first,
                   std::size_t visible_step, const std::optional<Indices>& visible, const std::string& isa) {
  require(q.ndim() == 3 && k.ndim() == 3 && k.size() == v.size() && q.shape(2) == k.shape(2),
          "need q (rows, heads, head_dim) and k, v (keys, kv_heads, head_dim)");
  const std::size_t rows = size(q, 0), heads = size(q, 1), keys = size(k, 0), kv_heads = size(k, 1),
                    dim = size(q, 2);
  const auto* ranges = visible ? reinterpret_cast<const VisibleKeys*>(visible->data()) : nullptr;
  static_assert(sizeof(VisibleKeys) == 3 * sizeof(std::uint32_t));
  require(!visible || visible->size() == q.shape(0) * 3, "visible must be (rows, 3)");
  for (std::size_t i = 0; ranges != nullptr && i < rows; ++i) {
    const VisibleKeys& r = ranges[i];
    require(r.gap_first <= r.gap_last && r.gap_last <= r.last && r.last <= keys &&
                r.last - (r.gap_last - r.gap_first) > 0,
            "visible rows must be gap_first <= gap_last <= last <= keys and leave a key");
  }
  require(!narrow || dim <= kMaxHeadDim, "heads are too wide");
  require(ranges != nullptr || rows == 0 ||
              (visible_first > 0 && visible_first + (rows - 1) * visible_step <= keys),
          "rows must see 1..keys keys");
  const KernelTable& table = select_table(isa);
  const std::size_t floats = narrow ? narrow_floats(kv_heads, dim, keys, table.panel) : 0;
  const std::size_t scales = narrow ? kv_heads * round_up(keys, table.panel) : 0;
  std::vector<float> packed_keys(key_floats(kv_heads, dim, keys, table.panel));
  std::vector<float> values(value_floats(kv_heads, dim, keys, table.panel));
  std::vector<float> narrow_keys(floats), narrow_values(floats), key_scale(scales), value_scale(scales);
  std::vector<float> scratch(narrow_score_floats(keys, table.panel));
  const KeyValues cache{
      packed_keys.data(),
      values.data(),
      kv_heads,
      dim,
      keys,
      {reinterpret_cast<std::int16_t*>(narrow_keys.data()),
       reinterpret_cast<std::int16_t*>(narrow_values.data()), key_scale.data(), value_scale.data()}};
  (narrow ? table.i16_store_keys
          : table.f32_store_keys)({k.data(), v.data(), kv_heads * dim, keys, 0, cache});
  Floats y = empty({rows, heads, dim});
  (narrow ? table.i16_attend_rows
          : table.f32_attend_rows)({q.data(), heads * dim, rows, heads, cache, visible_first, visible_step,
                                    y.mutable_data(), heads * dim, scratch.data(), ranges});
  return y;
}

}  // namespace

void bind_kernel_products(py::module_& m) {
  const py::arg_v isa = py::arg("isa") = "";
  const auto none = [](const char* name) { return py::arg(name) = py::none(); };
  const auto product = [&](const char* name, auto* function) {
    m.def(name, function, py::arg("x"), py::arg("w"), none("bias"), none("up"),
          py::arg("activation") = "none", none("y"), none("x_rows"), none("y_rows"), none("row_scale"), isa,
          none("rounding"));
  };
  product("f32_multiply_rows", &multiply_rows<Precision::float32>);
  product("bf16_multiply_rows", &multiply_rows<Precision::bfloat16>);
  product("i8_multiply_rows", &multiply_rows<Precision::int8>);
  m.def("f32_convolve_image", &convolve_image, py::arg("x"), py::arg("w"), none("bias"),
        py::arg("stride") = 1, py::arg("padding") = 0, isa);
  const auto attention = [&](const char* name, auto* function) {
    m.def(name, function, py::arg("q"), py::arg("k"), py::arg("v"), py::arg("visible_first"),
          py::arg("visible_step") = 0, none("visible"), isa);
  };
  attention("f32_attend_rows", &attend_rows<false>);
  attention("i16_attend_rows", &attend_rows<true>);
}

}  // namespace motorium
