// Engines of checkpoints that other projects trained.
#include "bind_kernels.hpp"
#include "denoiser_glue.hpp"
#include "engine/families/being_h05_engine.hpp"
#include "engine/families/xiaomi_r0_engine.hpp"
#include "engine/families/xvla_engine.hpp"
#include "kernels/dispatch.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Ids = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;
using NamedTensors = std::map<std::string, FloatArray>;

std::span<const std::int32_t> ids_of(const Ids& ids) {
  return {ids.data(), static_cast<std::size_t>(ids.size())};
}

std::unique_ptr<BeingH05Engine> make_being(const py::dict& d, const NamedTensors& tensors,
                                           const std::string& isa, const std::string& precision,
                                           std::size_t threads, const std::vector<int>& cpus) {
  BeingH05Config c;
  c.vit = read_block(required<py::dict>(d, "vit"));
  c.vit_layers = required<std::size_t>(d, "vit_layers");
  c.image = required<std::size_t>(d, "image");
  c.patch = required<std::size_t>(d, "patch");
  c.text = read_block(required<py::dict>(d, "text"));
  c.vocabulary = required<std::size_t>(d, "vocabulary");
  c.slots = required<std::size_t>(d, "slots");
  c.expert = read_denoiser(required<py::dict>(d, "expert"));
  return std::make_unique<BeingH05Engine>(c, tensor_views(tensors), kernels::select_table(isa),
                                          EngineOptions{precision_named(precision), threads, cpus});
}

void encode_being(BeingH05Engine& engine, const FloatArray& pixels, const Ids& prompt,
                  const FloatArray& state, const std::optional<Ids>& behind, Recorder* recorder) {
  BeingH05Engine::Observation o{view(pixels), ids_of(prompt), view(state), {}, recorder};
  if (behind) o.behind = ids_of(*behind);
  DenoiseStatus status;
  {
    const py::gil_scoped_release release;
    status = engine.encode(o);
  }
  raise_unless_ok(status);
}

FloatArray denoise_being(BeingH05Engine& engine, const FloatArray& noise, std::size_t steps,
                         const std::optional<FloatArray>& locked, const std::optional<FloatArray>& directions,
                         Recorder* recorder) {
  return run_denoiser([&](const Denoiser::Run& call) { return engine.denoise(call); }, engine.config().expert,
                      {noise, locked, steps, directions}, std::nullopt, 0, recorder);
}

std::unique_ptr<XvlaEngine> make_xvla(const py::dict& d, const NamedTensors& tensors, const std::string& isa,
                                      const std::string& precision, std::size_t threads,
                                      const std::vector<int>& cpus) {
  XvlaConfig c;
  c.head = read_denoiser(required<py::dict>(d, "head"));
  c.feature_width = required<std::size_t>(d, "feature_width");
  c.soft_prompts = required<std::size_t>(d, "soft_prompts");
  c.positions = required<std::size_t>(d, "positions");
  return std::make_unique<XvlaEngine>(c, tensor_views(tensors), kernels::select_table(isa),
                                      EngineOptions{precision_named(precision), threads, cpus});
}

void encode_xvla(XvlaEngine& engine, const FloatArray& features, const FloatArray& views, std::size_t domain,
                 Recorder* recorder) {
  DenoiseStatus status;
  {
    const py::gil_scoped_release release;
    status = engine.encode(view(features), view(views), domain, recorder);
  }
  raise_unless_ok(status);
}

FloatArray denoise_xvla(XvlaEngine& engine, const FloatArray& noise, std::size_t steps,
                        const FloatArray& proprio, const std::optional<FloatArray>& locked,
                        Recorder* recorder) {
  return run_denoiser([&](const Denoiser::Run& call) { return engine.denoise(call); }, engine.config().head,
                      {noise, locked, steps, std::nullopt}, proprio, 0, recorder);
}

std::unique_ptr<XiaomiR0Engine> make_xiaomi(const py::dict& d, const NamedTensors& tensors,
                                            const std::string& isa, const std::string& precision,
                                            std::size_t threads, const std::vector<int>& cpus) {
  XiaomiR0Config c;
  c.dit = read_denoiser(required<py::dict>(d, "dit"));
  c.state_channels = required<std::size_t>(d, "state_channels");
  return std::make_unique<XiaomiR0Engine>(c, tensor_views(tensors), kernels::select_table(isa),
                                          EngineOptions{precision_named(precision), threads, cpus});
}

void encode_xiaomi(XiaomiR0Engine& engine, const FloatArray& keys, const FloatArray& values,
                   const std::array<std::size_t, 3>& positions, const FloatArray& state, Recorder* recorder) {
  DenoiseStatus status;
  {
    const py::gil_scoped_release release;
    status = engine.encode({view(keys), view(values), positions, view(state), recorder});
  }
  raise_unless_ok(status);
}

FloatArray denoise_xiaomi(XiaomiR0Engine& engine, const FloatArray& noise, std::size_t steps,
                          const std::optional<FloatArray>& locked, const std::optional<FloatArray>& mask,
                          Recorder* recorder) {
  RunArguments arguments{noise, locked, steps, std::nullopt};
  arguments.mask = mask;
  return run_denoiser([&](const Denoiser::Run& call) { return engine.denoise(call); }, engine.config().dit,
                      arguments, std::nullopt, 0, recorder);
}

}  // namespace

void bind_families(py::module_& m) {
  const auto none = [](const char* name) { return py::arg(name) = py::none(); };
  py::class_<BeingH05Engine>(m, "BeingH05Engine",
                             "Being-H0.5: encode() once per observation, then denoise().")
      .def(py::init(&make_being), py::arg("config"), py::arg("tensors"), py::arg("isa") = "",
           py::arg("precision") = "float32", py::arg("threads") = 1, py::arg("cpus") = std::vector<int>{})
      .def("encode", &encode_being, py::arg("pixels"), py::arg("prompt"), py::arg("state"), none("behind"),
           none("recorder"))
      .def("denoise", &denoise_being, py::arg("noise"), py::arg("steps"), none("locked"), none("directions"),
           none("recorder"))
      .def_property_readonly("isa", &BeingH05Engine::isa)
      .def_property_readonly("arena_bytes", &BeingH05Engine::arena_bytes)
      .def_property_readonly("weight_bytes_read", &BeingH05Engine::weight_bytes_read);
  py::class_<XvlaEngine>(m, "XvlaEngine",
                         "X-VLA from features: encode() once per observation, then denoise().")
      .def(py::init(&make_xvla), py::arg("config"), py::arg("tensors"), py::arg("isa") = "",
           py::arg("precision") = "float32", py::arg("threads") = 1, py::arg("cpus") = std::vector<int>{})
      .def("encode", &encode_xvla, py::arg("features"), py::arg("views"), py::arg("domain"), none("recorder"))
      .def("denoise", &denoise_xvla, py::arg("noise"), py::arg("steps"), py::arg("proprio"), none("locked"),
           none("recorder"))
      .def_property_readonly("isa", &XvlaEngine::isa)
      .def_property_readonly("arena_bytes", &XvlaEngine::arena_bytes)
      .def_property_readonly("weight_bytes_read", &XvlaEngine::weight_bytes_read);
  py::class_<XiaomiR0Engine>(m, "XiaomiR0Engine",
                             "Xiaomi-Robotics-0 from keys and values: encode() once, then denoise().")
      .def(py::init(&make_xiaomi), py::arg("config"), py::arg("tensors"), py::arg("isa") = "",
           py::arg("precision") = "float32", py::arg("threads") = 1, py::arg("cpus") = std::vector<int>{})
      .def("encode", &encode_xiaomi, py::arg("keys"), py::arg("values"), py::arg("positions"),
           py::arg("state"), none("recorder"))
      .def("denoise", &denoise_xiaomi, py::arg("noise"), py::arg("steps"), none("locked"), none("mask"),
           none("recorder"))
      .def_property_readonly("isa", &XiaomiR0Engine::isa)
      .def_property_readonly("arena_bytes", &XiaomiR0Engine::arena_bytes)
      .def_property_readonly("weight_bytes_read", &XiaomiR0Engine::weight_bytes_read);
}

}  // namespace motorium
