// Single kernels for tests and benchmarks: allocate, pack, call. The run path never comes through here.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>

#include "kernels/pack.hpp"
#include "kernels/table.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using namespace kernels;
using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Bytes = py::array_t<std::uint8_t, py::array::c_style>;
using Indices = py::array_t<std::uint32_t, py::array::c_style | py::array::forcecast>;
using Maybe = std::optional<Floats>;

std::size_t size(const py::array& array, py::ssize_t axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

const float* data(const Maybe& array) { return array ? array->data() : nullptr; }

void require(bool holds, const char* what) {
  if (!holds) throw py::value_error(what);
}

Floats empty(std::initializer_list<std::size_t> shape) {
  return Floats(std::vector<py::ssize_t>(shape.begin(), shape.end()));
}

Floats copy(const Floats& x) {
  Floats y(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
  std::copy(x.data(), x.data() + x.size(), y.mutable_data());
  return y;
}

struct Packed {
  Packed(const KernelTable& table, const Floats& w, const Maybe& up, const Maybe& b) {
    const std::size_t n = size(w, 0);
    const std::size_t k = static_cast<std::size_t>(w.size()) / (n == 0 ? 1 : n);
    const std::size_t lanes = table.lanes;
    weights.resize(up ? packed_gated_floats(n, k, lanes) : packed_floats(n, k, lanes));
    if (up) {
      pack_gated(w.data(), up->data(), n, k, lanes, weights.data());
    } else {
      pack_rows(w.data(), n, k, lanes, weights.data());
    }
    if (b) {
      bias.resize(packed_floats(n, 1, lanes));
      pack_rows(b->data(), n, 1, lanes, bias.data());
    }
  }
  const float* bias_data() const { return bias.empty() ? nullptr : bias.data(); }
  std::vector<float> weights, bias;
};

Activation activation_named(const std::string& name) {
  if (name == "relu") return Activation::relu;
  if (name == "silu") return Activation::silu;
  require(name == "none", "activation must be none, relu or silu");
  return Activation::none;
}

Floats multiply_rows(const Floats& x, const Floats& w, const Maybe& bias, const Maybe& up,
                     const std::string& activation, const Maybe& y, const std::optional<Indices>& x_rows,
                     const std::optional<Indices>& y_rows, const Maybe& row_scale, const std::string& isa) {
  require(x.ndim() == 2 && w.ndim() == 2 && x.shape(1) == w.shape(1), "need x (rows, k) and w (n, k)");
  const KernelTable& table = select_table(isa);
  const Packed packed(table, w, up, bias);
  const std::size_t rows = x_rows ? size(*x_rows, 0) : size(x, 0);
  Floats out = y ? copy(*y) : empty({rows, size(w, 0)});
  table.f32_multiply_rows(
      {x.data(), size(x, 1), rows, packed.weights.data(), size(w, 0), size(w, 1), packed.bias_data(),
       out.mutable_data(), size(w, 0), up ? Activation::silu_gate : activation_named(activation),
       y.has_value(), x_rows ? x_rows->data() : nullptr, y_rows ? y_rows->data() : nullptr, data(row_scale)});
  return out;
}

Floats convolve_image(const Floats& x, const Floats& w, const Maybe& bias, std::size_t stride,
                      std::size_t padding, const std::string& isa) {
  require(x.ndim() == 3 && w.ndim() == 4 && x.shape(2) == w.shape(3),
          "need x (h, w, c) and w (out, k, k, c)");
  const KernelTable& table = select_table(isa);
  const Packed packed(table, w, std::nullopt, bias);
  const std::size_t kernel = size(w, 1);
  Floats out = empty({(size(x, 0) + 2 * padding - kernel) / stride + 1,
                      (size(x, 1) + 2 * padding - kernel) / stride + 1, size(w, 0)});
  std::vector<float> scratch(kConvolveRows * kernel * kernel * size(x, 2));
  table.f32_convolve_image({x.data(), size(x, 0), size(x, 1), size(x, 2), kernel, stride, padding,
                            packed.weights.data(), packed.bias_data(), size(w, 0), out.mutable_data(),
                            scratch.data()});
  return out;
}

Floats normalise_rms(const Floats& x, const Floats& weight, float eps, const std::string& isa) {
  require(x.ndim() == 3 && x.shape(2) == weight.size(), "need x (rows, segments, width) and weight (width)");
  const std::size_t stride = size(x, 1) * size(x, 2);
  Floats y = empty({size(x, 0), size(x, 1), size(x, 2)});
  select_table(isa).f32_normalise_rms(
      {x.data(), stride, y.mutable_data(), stride, size(x, 0), size(x, 1), size(x, 2), weight.data(), eps});
  return y;
}

Floats normalise_groups(const Floats& x, std::size_t groups, const Floats& gamma, const Floats& beta,
                        float eps, const Maybe& film_scale, const Maybe& film_shift, const Maybe& residual,
                        bool silu, const std::string& isa) {
  require(x.ndim() == 2 && groups > 0 && size(x, 1) % groups == 0,
          "need x (pixels, channels), channels a multiple of groups");
  Floats y = empty({size(x, 0), size(x, 1)});
  std::vector<float> scratch(2 * size(x, 1));
  select_table(isa).f32_normalise_groups({x.data(), y.mutable_data(), size(x, 0), size(x, 1), groups, eps,
                                          gamma.data(), beta.data(), data(film_scale), data(film_shift),
                                          data(residual), silu, scratch.data()});
  return y;
}

Floats attend_rows(const Floats& q, const Floats& k, const Floats& v, std::size_t visible_first,
                   std::size_t visible_step, const std::string& isa) {
  require(q.ndim() == 3 && k.ndim() == 3 && k.size() == v.size() && q.shape(2) == k.shape(2),
          "need q (rows, heads, head_dim) and k, v (keys, kv_heads, head_dim)");
  const std::size_t rows = size(q, 0), heads = size(q, 1), keys = size(k, 0), kv_heads = size(k, 1),
                    dim = size(q, 2);
  require(rows == 0 || (visible_first > 0 && visible_first + (rows - 1) * visible_step <= keys),
          "rows must see 1..keys keys");
  const KernelTable& table = select_table(isa);
  std::vector<float> packed_keys(key_floats(kv_heads, dim, keys, table.panel));
  std::vector<float> values(value_floats(kv_heads, dim, keys, table.panel));
  std::vector<float> scratch(score_floats(keys, table.panel));
  const KeyValues cache{packed_keys.data(), values.data(), kv_heads, dim, keys};
  table.f32_store_keys({k.data(), v.data(), kv_heads * dim, keys, 0, cache});
  Floats y = empty({rows, heads, dim});
  table.f32_attend_rows({q.data(), heads * dim, rows, heads, cache, visible_first, visible_step,
                         y.mutable_data(), heads * dim, scratch.data()});
  return y;
}

Floats softmax_rows(const Floats& x, const std::string& isa) {
  require(x.ndim() == 2, "need x (rows, width)");
  Floats y = empty({size(x, 0), size(x, 1)});
  select_table(isa).f32_softmax_rows({x.data(), y.mutable_data(), size(x, 0), size(x, 1)});
  return y;
}

Floats apply_unary(const std::string& op, const Floats& x, const std::string& isa) {
  require(op == "exp" || op == "silu" || op == "relu", "op must be exp, silu or relu");
  Floats y = copy(x);
  select_table(isa).f32_apply_unary({y.data(), y.mutable_data(), static_cast<std::size_t>(y.size()),
                                     op == "exp"    ? Unary::exp
                                     : op == "silu" ? Unary::silu
                                                    : Unary::relu});
  return y;
}

Floats step_euler(const Floats& x, const Floats& v, const Floats& locked, float dt, const std::string& isa) {
  require(x.ndim() == 2 && x.size() == v.size() && locked.ndim() == 2 && locked.shape(0) <= x.shape(0),
          "need x, v (rows, width) and locked (d, width)");
  Floats y = copy(x);
  select_table(isa).f32_step_euler(
      {y.mutable_data(), v.data(), locked.data(), size(x, 0), size(x, 1), size(locked, 0), dt});
  return y;
}

Floats normalise_image(const Bytes& x, std::array<float, 3> scale, std::array<float, 3> shift,
                       const std::string& isa) {
  require(x.ndim() == 3 && x.shape(2) == 3, "need x (h, w, 3) uint8");
  Floats y = empty({size(x, 0), size(x, 1), 3});
  select_table(isa).u8_normalise_image({x.data(),
                                        y.mutable_data(),
                                        size(x, 0) * size(x, 1),
                                        {scale[0], scale[1], scale[2]},
                                        {shift[0], shift[1], shift[2]}});
  return y;
}

py::dict describe_isa(const std::string& isa) {
  const KernelTable& table = select_table(isa);
  return py::dict(py::arg("isa") = table.isa, py::arg("lanes") = table.lanes, py::arg("panel") = table.panel,
                  py::arg("fused") = table.fused);
}

}  // namespace

void bind_kernels(py::module_& parent) {
  py::module_ m = parent.def_submodule("kernels", "Single kernels, for tests and benchmarks.");
  const py::arg_v isa = py::arg("isa") = "";
  const auto none = [](const char* name) { return py::arg(name) = py::none(); };
  m.def("available_isas", &available_isas);
  m.def("describe", &describe_isa, isa);
  m.def("f32_multiply_rows", &multiply_rows, py::arg("x"), py::arg("w"), none("bias"), none("up"),
        py::arg("activation") = "none", none("y"), none("x_rows"), none("y_rows"), none("row_scale"), isa);
  m.def("f32_convolve_image", &convolve_image, py::arg("x"), py::arg("w"), none("bias"),
        py::arg("stride") = 1, py::arg("padding") = 0, isa);
  m.def("f32_normalise_rms", &normalise_rms, py::arg("x"), py::arg("weight"), py::arg("eps"), isa);
  m.def("f32_normalise_groups", &normalise_groups, py::arg("x"), py::arg("groups"), py::arg("gamma"),
        py::arg("beta"), py::arg("eps"), none("film_scale"), none("film_shift"), none("residual"),
        py::arg("silu") = false, isa);
  m.def("f32_attend_rows", &attend_rows, py::arg("q"), py::arg("k"), py::arg("v"), py::arg("visible_first"),
        py::arg("visible_step") = 0, isa);
  m.def("f32_softmax_rows", &softmax_rows, py::arg("x"), isa);
  m.def("f32_apply_unary", &apply_unary, py::arg("op"), py::arg("x"), isa);
  m.def("f32_step_euler", &step_euler, py::arg("x"), py::arg("v"), py::arg("locked"), py::arg("dt"), isa);
  m.def("u8_normalise_image", &normalise_image, py::arg("x"), py::arg("scale"), py::arg("shift"), isa);
}

}  // namespace motorium
