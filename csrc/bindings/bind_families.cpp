// Engines of checkpoints that other projects trained.
#include "engine/families/being_h05_engine.hpp"
#include "engine/families/xiaomi_r0_engine.hpp"
#include "engine/families/xvla_engine.hpp"
#include "engine_glue.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

BeingH05Config read_being(const py::dict& d) {
  BeingH05Config c;
  c.vit = read_block(required<py::dict>(d, "vit"));
  c.vit_layers = required<std::size_t>(d, "vit_layers");
  c.image = required<std::size_t>(d, "image");
  c.patch = required<std::size_t>(d, "patch");
  c.text = read_block(required<py::dict>(d, "text"));
  c.vocabulary = required<std::size_t>(d, "vocabulary");
  c.slots = required<std::size_t>(d, "slots");
  c.expert = read_denoiser(required<py::dict>(d, "expert"));
  return c;
}

void encode_being(BeingH05Engine& engine, const FloatArray& pixels, const Ids& prompt,
                  const FloatArray& state, const std::optional<Ids>& behind, Recorder* recorder) {
  BeingH05Engine::Observation o{view(pixels), ids_of(prompt), view(state), {}, recorder};
  if (behind) o.behind = ids_of(*behind);
  run_encoder([&] { return engine.encode(o); });
}

FloatArray denoise_being(BeingH05Engine& engine, const FloatArray& noise, std::size_t steps,
                         const std::optional<FloatArray>& committed,
                         const std::optional<FloatArray>& directions, Recorder* recorder) {
  return run_denoiser([&](const Denoiser::Run& call) { return engine.denoise(call); }, engine.config().expert,
                      {noise, committed, steps, directions}, std::nullopt, 0, recorder);
}

XvlaConfig read_xvla(const py::dict& d) {
  XvlaConfig c;
  c.head = read_denoiser(required<py::dict>(d, "head"));
  c.feature_width = required<std::size_t>(d, "feature_width");
  c.soft_prompts = required<std::size_t>(d, "soft_prompts");
  c.positions = required<std::size_t>(d, "positions");
  return c;
}

void encode_xvla(XvlaEngine& engine, const FloatArray& features, const FloatArray& views, std::size_t domain,
                 Recorder* recorder) {
  run_encoder([&] { return engine.encode(view(features), view(views), domain, recorder); });
}

FloatArray denoise_xvla(XvlaEngine& engine, const FloatArray& noise, std::size_t steps,
                        const FloatArray& proprio, const std::optional<FloatArray>& committed,
                        Recorder* recorder) {
  return run_denoiser([&](const Denoiser::Run& call) { return engine.denoise(call); }, engine.config().head,
                      {noise, committed, steps, std::nullopt}, proprio, 0, recorder);
}

XiaomiR0Config read_xiaomi(const py::dict& d) {
  XiaomiR0Config c;
  c.dit = read_denoiser(required<py::dict>(d, "dit"));
  c.state_channels = required<std::size_t>(d, "state_channels");
  return c;
}

void encode_xiaomi(XiaomiR0Engine& engine, const FloatArray& keys, const FloatArray& values,
                   const std::array<std::size_t, 3>& positions, const FloatArray& state, Recorder* recorder) {
  run_encoder([&] { return engine.encode({view(keys), view(values), positions, view(state), recorder}); });
}

FloatArray denoise_xiaomi(XiaomiR0Engine& engine, const FloatArray& noise, std::size_t steps,
                          const std::optional<FloatArray>& committed, const std::optional<FloatArray>& mask,
                          Recorder* recorder) {
  RunArguments arguments{noise, committed, steps, std::nullopt};
  arguments.mask = mask;
  return run_denoiser([&](const Denoiser::Run& call) { return engine.denoise(call); }, engine.config().dit,
                      arguments, std::nullopt, 0, recorder);
}

}  // namespace

void bind_families(py::module_& m) {
  const auto none = [](const char* name) { return py::arg(name) = py::none(); };
  bind_family<BeingH05Engine>(m, "BeingH05Engine",
                              "Being-H0.5: encode() once per observation, then denoise().", &read_being)
      .def("encode", &encode_being, py::arg("pixels"), py::arg("prompt"), py::arg("state"), none("behind"),
           none("recorder"))
      .def("denoise", &denoise_being, py::arg("noise"), py::arg("steps"), none("committed"),
           none("directions"), none("recorder"));
  bind_family<XvlaEngine>(m, "XvlaEngine",
                          "X-VLA from features: encode() once per observation, then denoise().", &read_xvla)
      .def("encode", &encode_xvla, py::arg("features"), py::arg("views"), py::arg("domain"), none("recorder"))
      .def("denoise", &denoise_xvla, py::arg("noise"), py::arg("steps"), py::arg("proprio"),
           none("committed"), none("recorder"));
  bind_family<XiaomiR0Engine>(m, "XiaomiR0Engine",
                              "Xiaomi-Robotics-0 from keys and values: encode() once, then denoise().",
                              &read_xiaomi)
      .def("encode", &encode_xiaomi, py::arg("keys"), py::arg("values"), py::arg("positions"),
           py::arg("state"), none("recorder"))
      .def("denoise", &denoise_xiaomi, py::arg("noise"), py::arg("steps"), none("committed"), none("mask"),
           none("recorder"));
}

}  // namespace motorium
