#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>

#include "engine/families/nano_engine.hpp"
#include "engine_glue.hpp"
#include "module.hpp"
#include "motorium/slot_space.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

std::vector<float> flatten(const py::handle& table) {
  const auto array = Floats::ensure(table);
  if (!array) throw py::value_error("normalisation tables must be numbers");
  return {array.data(), array.data() + array.size()};
}

void read_dims(const py::dict& dims, NanoConfig& c) {
  c.prefix_width = required<std::size_t>(dims, "prefix_width");
  c.expert_width = required<std::size_t>(dims, "expert_width");
  c.heads = required<std::size_t>(dims, "heads");
  c.head_dim = required<std::size_t>(dims, "head_dim");
  c.layers = required<std::size_t>(dims, "layers");
  c.shared_layers = required<std::size_t>(dims, "shared_layers");
  c.prefix_mlp = required<std::size_t>(dims, "prefix_mlp");
  c.expert_mlp = required<std::size_t>(dims, "expert_mlp");
  c.experts = required<std::size_t>(dims, "experts");
  c.top_k = required<std::size_t>(dims, "top_k");
  c.routed_mlp = required<std::size_t>(dims, "routed_mlp");
  c.soft_tokens = required<std::size_t>(dims, "soft_tokens");
  c.groups = required<std::size_t>(dims, "groups");
  c.vision_channels = required<std::array<std::size_t, 3>>(dims, "vision_channels");
  c.points = dims.contains("points") ? required<std::size_t>(dims, "points") : 0;
  c.point_tokens = dims.contains("point_tokens") ? required<std::size_t>(dims, "point_tokens") : 0;
  c.rms_eps = required<float>(dims, "rms_eps");
  c.norm_eps = required<float>(dims, "norm_eps");
}

/// The keys of config.json that the engine needs; others are ignored.
NanoConfig read_nano(const py::dict& d) {
  NanoConfig c{};
  read_dims(required<py::dict>(d, "dims"), c);
  const auto prompt = required<py::dict>(d, "prompt");
  c.rows = required<std::size_t>(required<py::dict>(d, "chunk"), "rows");
  c.vocabulary = py::len(required<py::list>(prompt, "vocabulary"));
  c.max_tokens = required<std::size_t>(prompt, "max_tokens");
  c.embodiments = py::len(required<py::list>(d, "embodiments"));
  c.scene = py::len(required<py::list>(required<py::dict>(d, "scene"), "names"));
  c.image_mean = required<std::array<float, 3>>(required<py::dict>(d, "image"), "mean");
  c.image_std = required<std::array<float, 3>>(required<py::dict>(d, "image"), "std");
  for (const auto& view : required<std::vector<py::dict>>(d, "cameras"))
    c.views.push_back({required<std::string>(view, "role"), required<std::size_t>(view, "height"),
                       required<std::size_t>(view, "width")});
  for (const auto& channel : required<std::vector<py::dict>>(d, "state"))
    c.state.push_back({required<std::uint32_t>(channel, "slot"), required<float>(channel, "mean"),
                       required<float>(channel, "std")});
  for (const auto& channel : required<std::vector<py::dict>>(d, "action"))
    c.action.push_back({required<std::uint32_t>(channel, "slot"), required<bool>(channel, "relative")});
  if (d.contains("slot_adapters"))
    for (const auto& of_one : required<std::vector<py::dict>>(d, "slot_adapters"))
      c.slot_adapters.push_back(required<std::vector<std::uint32_t>>(of_one, "slots"));
  const auto normalisation = required<py::dict>(d, "action_normalisation");
  c.action_mean = flatten(normalisation["mean"]);
  c.action_std = flatten(normalisation["std"]);
  return c;
}

void raise_unless_ok(EngineStatus status) {
  if (status != EngineStatus::ok) throw py::value_error(describe(status));
}

void encode_nano(NanoEngine& engine, const std::vector<Bytes>& images, const Ids& tokens,
                 std::size_t embodiment) {
  const std::vector<NanoView>& views = engine.config().views;
  if (images.size() != views.size())
    throw py::value_error("expected " + std::to_string(views.size()) + " images, got " +
                          std::to_string(images.size()));
  std::vector<const std::uint8_t*> pixels;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto expected = std::array{static_cast<py::ssize_t>(views[i].height),
                                     static_cast<py::ssize_t>(views[i].width), py::ssize_t{3}};
    if (images[i].ndim() != 3 || !std::equal(expected.begin(), expected.end(), images[i].shape()))
      throw py::value_error("image '" + views[i].role + "' must be (" + std::to_string(views[i].height) +
                            ", " + std::to_string(views[i].width) + ", 3) uint8");
    pixels.push_back(images[i].data());
  }
  const std::span<const std::int32_t> ids(tokens.data(), static_cast<std::size_t>(tokens.size()));
  EngineStatus status;
  {
    const py::gil_scoped_release release;
    status = engine.encode(pixels, ids, embodiment);
  }
  raise_unless_ok(status);
}

std::span<const float> view_of(const Floats& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

Floats denoise(NanoEngine& engine, const Floats& state, const Floats& noise,
               const std::optional<Floats>& committed, std::size_t steps,
               const std::optional<Floats>& previous, const std::optional<Floats>& pull, float pull_limit) {
  Floats out({static_cast<py::ssize_t>(engine.config().rows), static_cast<py::ssize_t>(kSlots)});
  NanoEngine::Denoise call{
      view_of(state), view_of(noise), {}, steps, {out.mutable_data(), static_cast<std::size_t>(out.size())}};
  if (committed) call.committed = view_of(*committed);
  if (previous) call.previous = view_of(*previous);
  if (pull) call.pull = view_of(*pull);
  call.pull_limit = pull_limit;
  EngineStatus status;
  {
    const py::gil_scoped_release release;
    status = engine.denoise(call);
  }
  raise_unless_ok(status);
  return out;
}

Floats scene(const NanoEngine& engine) {
  Floats out(static_cast<py::ssize_t>(engine.config().scene));
  const std::span<float> values(out.mutable_data(), engine.config().scene);
  {
    const py::gil_scoped_release release;  // waits for a plan in progress
    engine.read_scene(values);
  }
  return out;
}

Floats pictures(const NanoEngine& engine) {
  const NanoConfig& config = engine.config();
  Floats out({static_cast<py::ssize_t>(config.views.size()), static_cast<py::ssize_t>(config.prefix_width)});
  const std::span<float> values(out.mutable_data(), static_cast<std::size_t>(out.size()));
  {
    const py::gil_scoped_release release;
    engine.read_pictures(values);
  }
  return out;
}

}  // namespace

void bind_engine(py::module_& m) {
  bind_kernels(m);  // first: its Precision is a default below
  bind_family<NanoEngine>(
      m, "NanoEngine",
      "The motorium nano network; encode() once per observation, then denoise(). Releases the GIL.",
      &read_nano)
      .def("encode", &encode_nano, py::arg("images"), py::arg("token_ids"), py::arg("embodiment") = 0)
      .def("denoise", &denoise, py::arg("state"), py::arg("noise"), py::arg("committed") = py::none(),
           py::arg("steps"), py::arg("previous") = py::none(), py::arg("pull") = py::none(),
           py::arg("pull_limit") = 5.0f)
      .def_property_readonly("scene", &scene)
      .def_property_readonly("pictures", &pictures);
  bind_denoiser(m);
  bind_families(m);
  bind_florence(m);
}

}  // namespace motorium
