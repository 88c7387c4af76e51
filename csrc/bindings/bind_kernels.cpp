// Single kernels for tests and benchmarks: allocate, pack, call. Inference never uses these.
#include "bind_kernels.hpp"
#include "engine/cpu/speed.hpp"
#include "module.hpp"
#include "structs.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using namespace kernels;

Floats normalise_rms(const Floats& x, const Floats& weight, float eps, const std::string& isa) {
  require(x.ndim() == 3 && x.shape(2) == weight.size(), "need x (rows, segments, width) and weight (width)");
  const std::size_t stride = size(x, 1) * size(x, 2);
  Floats y = empty({size(x, 0), size(x, 1), size(x, 2)});
  select_table(isa).f32_normalise_rms(
      {x.data(), stride, y.mutable_data(), stride, size(x, 0), size(x, 1), size(x, 2), weight.data(), eps});
  return y;
}

Floats normalise_layer(const Floats& x, const Maybe& weight, const Maybe& bias, float eps,
                       const std::string& isa) {
  require(x.ndim() == 2 && x.shape(1) > 0 && (!weight || weight->size() == x.shape(1)) &&
              (!bias || bias->size() == x.shape(1)),
          "need x (rows, width) and weight, bias (width)");
  const std::size_t width = size(x, 1);
  Floats y = empty({size(x, 0), width});
  select_table(isa).f32_normalise_layer(
      {x.data(), width, y.mutable_data(), width, size(x, 0), width, data(weight), data(bias), eps});
  return y;
}

Floats modulate_rows(const Floats& x, const Floats& scale, const Maybe& shift, const Maybe& residual,
                     const Indices& index, float offset, const std::string& isa) {
  require(x.ndim() == 2 && scale.ndim() == 2 && scale.shape(1) == x.shape(1) &&
              (!shift || shift->size() == scale.size()) && (!residual || residual->size() == x.size()) &&
              index.size() == x.shape(0),
          "need x, residual (rows, width), scale, shift (n, width) and index (rows)");
  for (py::ssize_t i = 0; i < index.size(); ++i) require(index.data()[i] < scale.shape(0), "index below n");
  const std::size_t width = size(x, 1);
  Floats y = residual ? copy(*residual) : empty({size(x, 0), width});
  select_table(isa).f32_modulate_rows({x.data(), width, y.mutable_data(), width, size(x, 0), width,
                                       residual ? y.data() : nullptr, scale.data(), data(shift), width,
                                       index.data(), offset});
  return y;
}

Floats rotate_halves(const Floats& x, const Floats& cosine, const Floats& sine, const Indices& positions,
                     const std::string& isa) {
  require(x.ndim() == 3 && x.shape(2) % 2 == 0 && cosine.ndim() == 2 && cosine.size() == sine.size() &&
              2 * cosine.shape(1) == x.shape(2) && positions.size() == x.shape(0),
          "need x (rows, segments, width), cosine, sine (n, width / 2) and positions (rows)");
  for (py::ssize_t i = 0; i < positions.size(); ++i)
    require(positions.data()[i] < cosine.shape(0), "positions below n");
  Floats y = copy(x);
  select_table(isa).f32_rotate_halves({y.mutable_data(), size(x, 1) * size(x, 2), size(x, 0), size(x, 1),
                                       size(x, 2), cosine.data(), sine.data(), positions.data()});
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

Floats softmax_rows(const Floats& x, const std::string& isa) {
  require(x.ndim() == 2, "need x (rows, width)");
  Floats y = empty({size(x, 0), size(x, 1)});
  select_table(isa).f32_softmax_rows({x.data(), y.mutable_data(), size(x, 0), size(x, 1)});
  return y;
}

Unary unary_named(const std::string& name) {
  if (name == "exp") return Unary::exp;
  if (name == "silu") return Unary::silu;
  if (name == "relu") return Unary::relu;
  if (name == "gelu") return Unary::gelu;
  require(name == "gelu_tanh", "op must be exp, silu, relu, gelu or gelu_tanh");
  return Unary::gelu_tanh;
}

Floats apply_unary(const std::string& op, const Floats& x, const std::string& isa) {
  Floats y = copy(x);
  select_table(isa).f32_apply_unary(
      {y.data(), y.mutable_data(), static_cast<std::size_t>(y.size()), unary_named(op)});
  return y;
}

Floats step_euler(const Floats& x, const Floats& v, const Floats& committed, float dt,
                  const std::string& isa) {
  require(x.ndim() == 2 && x.size() == v.size() && committed.ndim() == 2 && committed.shape(0) <= x.shape(0),
          "need x, v (rows, width) and committed (d, width)");
  Floats y = copy(x);
  select_table(isa).f32_step_euler(
      {y.mutable_data(), v.data(), committed.data(), size(x, 0), size(x, 1), size(committed, 0), dt});
  return y;
}

void bind_results(py::module_& m) {
  using T = KernelTable;
  BoundStruct<T>(m, "KernelTable", "The kernels of one instruction set, and how they lay out weights.")
      .field("isa", &T::isa, "Its name.")
      .field("lanes", &T::lanes, "Floats in a vector.")
      .field("panel", &T::panel, "Outputs of a panel of weights.")
      .field("fused", &T::fused, "Whether products and sums are rounded once.")
      .field(
          "bf16_group", [](const T& t) { return t.bf16.group; },
          "Neighbours of a bfloat16 product that lie together; 1: widened.")
      .field(
          "i8_group", [](const T& t) { return t.i8.group; },
          "Neighbours of an int8 product that lie together.")
      .field(
          "i8_levels", [](const T& t) { return t.i8.levels; }, "Largest magnitude of an int8 input.")
      .field(
          "i8_weight_sum", [](const T& t) { return t.i8.weight_sum; },
          "What int8 weights of one sign that meet in a 16-bit sum add up to at most; 0: no bound.")
      .finish();
  BoundStruct<ProductTimes>(m, "ProductTimes", "How long one product of an engine takes.")
      .field("seconds", &ProductTimes::seconds,
             "Per product, s; each the mean of one turn through the copies.")
      .field("weight_bytes", &ProductTimes::weight_bytes, "Of one copy of its weights.")
      .finish();
}

}  // namespace

void bind_kernels(py::module_& parent) {
  bind_text_enum<Precision>(parent, "Precision", "How an engine stores the large weights.");
  bind_results(parent);
  py::module_ m = parent.def_submodule("kernels", "Single kernels, for tests and benchmarks.");
  const py::arg_v isa = py::arg("isa") = "";
  const auto none = [](const char* name) { return py::arg(name) = py::none(); };
  m.def("available_isas", &available_isas);
  m.def("describe", &select_table, isa, py::return_value_policy::reference);
  bind_kernel_products(m);
  m.def("f32_normalise_rms", &normalise_rms, py::arg("x"), py::arg("weight"), py::arg("eps"), isa);
  m.def("f32_normalise_layer", &normalise_layer, py::arg("x"), none("weight"), none("bias"), py::arg("eps"),
        isa);
  m.def("f32_modulate_rows", &modulate_rows, py::arg("x"), py::arg("scale"), none("shift"), none("residual"),
        py::arg("index"), py::arg("offset") = 0.0f, isa);
  m.def("f32_rotate_halves", &rotate_halves, py::arg("x"), py::arg("cosine"), py::arg("sine"),
        py::arg("positions"), isa);
  m.def("f32_normalise_groups", &normalise_groups, py::arg("x"), py::arg("groups"), py::arg("gamma"),
        py::arg("beta"), py::arg("eps"), none("film_scale"), none("film_shift"), none("residual"),
        py::arg("silu") = false, isa);
  m.def("f32_softmax_rows", &softmax_rows, py::arg("x"), isa);
  m.def("f32_apply_unary", &apply_unary, py::arg("op"), py::arg("x"), isa);
  m.def("f32_step_euler", &step_euler, py::arg("x"), py::arg("v"), py::arg("committed"), py::arg("dt"), isa);
  bind_kernel_data(m);
  bind_kernel_speed(m);
}

}  // namespace motorium
