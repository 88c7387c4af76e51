// The denoising loop alone, over a prefix given by the caller as keys and values.
#include <array>
#include <mutex>

#include "bind_kernels.hpp"
#include "denoiser_glue.hpp"
#include "engine/cpu/key_cache.hpp"
#include "kernels/dispatch.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

/// A denoiser with its arena. Calls from several threads wait for one another, without the GIL.
struct BareDenoiser {
  BareDenoiser(const py::dict& config, const std::map<std::string, FloatArray>& tensors,
               const std::string& isa, const EngineOptions& options)
      : table(kernels::select_table(isa)) {
    const Tensors views = tensor_views(tensors);
    Loader loader(table, views, arena, options);
    workspace = &loader.workspace();
    denoiser = std::make_unique<Denoiser>(read_denoiser(config), Denoiser::SlotChoice{}, loader);
    loader.finish();
  }

  /// Runs `call` alone, without the GIL, and returns its result.
  template <typename Call>
  auto alone(const Call& call) {
    const py::gil_scoped_release release;
    const std::lock_guard<std::mutex> lock(busy);
    return call();
  }

  using Positions = std::array<std::size_t, 3>;

  void set_prefix(std::size_t layer, const FloatArray& keys, const FloatArray& values) {
    const BlockConfig& block = denoiser->config().block;
    const auto heads = static_cast<py::ssize_t>(block.kv_heads),
               dim = static_cast<py::ssize_t>(block.head_dim);
    require_shape(keys, {-1, heads, dim}, "keys");
    require_shape(values, {keys.shape(0), heads, dim}, "values");
    if (layer >= denoiser->caches().size()) throw py::index_error("no such layer");
    const auto count = static_cast<std::size_t>(keys.shape(0));
    const Positions first = positions.value_or(Positions{count, count, count});
    raise_unless_ok(alone([&] {
      const DenoiseStatus status = denoiser->set_prefix(count, first);
      if (status == DenoiseStatus::ok)
        store_keys(table,
                   {keys.data(), values.data(), block.key_width(), count, 0, denoiser->caches()[layer]});
      return status;
    }));
  }

  void copy_rows(const FloatArray& from, std::size_t most, const char* name, float* to) {
    require_shape(from, {-1, static_cast<py::ssize_t>(denoiser->config().block.width)}, name);
    if (static_cast<std::size_t>(from.shape(0)) > most)
      throw py::value_error(std::string(name) + ": too many rows");
    alone([&] { return std::copy(from.data(), from.data() + from.size(), to); });
  }

  const kernels::KernelTable& table;
  Arena arena;
  Workspace* workspace = nullptr;
  std::unique_ptr<Denoiser> denoiser;
  std::optional<Positions> positions;
  std::mutex busy;
};

FloatArray run(BareDenoiser& self, const FloatArray& noise, std::size_t steps,
               const std::optional<FloatArray>& committed, const std::optional<FloatArray>& context,
               std::size_t domain, const std::optional<FloatArray>& directions, Recorder* recorder,
               const std::optional<FloatArray>& previous, const std::optional<FloatArray>& pull,
               float pull_limit, const std::optional<FloatArray>& mask) {
  const auto denoise = [&](const Denoiser::Run& call) {
    const std::lock_guard<std::mutex> lock(self.busy);
    return self.denoiser->run(call);
  };
  return run_denoiser(denoise, self.denoiser->config(),
                      {noise, committed, steps, directions, previous, pull, pull_limit, mask}, context,
                      domain, recorder);
}

}  // namespace

void bind_denoiser(py::module_& m) {
  const auto none = [](const char* name) { return py::arg(name) = py::none(); };
  py::class_<Recorder>(m, "Recorder", "Collects intermediate values of a run, for parity checks.")
      .def(py::init<>())
      .def("take", &Recorder::take, "All (stream, what, index, (rows, width) array) since the last call.");
  py::class_<BareDenoiser>(m, "Denoiser", "The K-step loop of an action expert over cached keys and values.")
      .def(py::init([](const py::dict& config, const std::map<std::string, FloatArray>& tensors,
                       const std::string& isa, OrText<kernels::Precision> precision, std::size_t threads,
                       const std::vector<int>& cpus) {
             return std::make_unique<BareDenoiser>(config, tensors, isa,
                                                   EngineOptions{precision.value, threads, cpus});
           }),
           py::arg("config"), py::arg("tensors"), py::arg("isa") = "",
           py::arg("precision") = kernels::Precision::float32, py::arg("threads") = 1,
           py::arg("cpus") = std::vector<int>{})
      .def("set_prefix", &BareDenoiser::set_prefix, py::arg("layer"), py::arg("keys"), py::arg("values"),
           "Keys and values (n, kv_heads, head_dim) of one layer; n must be the same for all layers.")
      .def(
          "set_position",
          [](BareDenoiser& self, std::size_t position) { self.positions = {position, position, position}; },
          py::arg("position"),
          "Position of the first token; the number of cached keys unless set before them.")
      .def(
          "set_positions",
          [](BareDenoiser& self, const BareDenoiser::Positions& positions) { self.positions = positions; },
          py::arg("positions"), "The same on the axes time, height and width (rope_sections).")
      .def(
          "set_lead",
          [](BareDenoiser& self, const FloatArray& rows) {
            self.copy_rows(rows, self.denoiser->config().lead, "lead", self.denoiser->lead());
          },
          py::arg("rows"))
      .def(
          "set_tail",
          [](BareDenoiser& self, const FloatArray& rows) {
            self.copy_rows(rows, self.denoiser->config().tail, "tail", self.denoiser->tail());
            const auto count = static_cast<std::size_t>(rows.shape(0));
            raise_unless_ok(self.alone([&] { return self.denoiser->set_tail(count); }));
          },
          py::arg("rows"))
      .def("run", &run, py::arg("noise"), py::arg("steps"), none("committed"), none("context"),
           py::arg("domain") = 0, none("directions"), none("recorder"), none("previous"), none("pull"),
           py::arg("pull_limit") = 5.0f, none("mask"))
      .def_property_readonly("isa", [](const BareDenoiser& self) { return self.table.isa; })
      .def_property_readonly("arena_bytes", [](const BareDenoiser& self) { return self.arena.bytes(); })
      .def_property_readonly("weight_bytes_read",
                             [](const BareDenoiser& self) { return self.workspace->bytes_read.read(); });
}

}  // namespace motorium
