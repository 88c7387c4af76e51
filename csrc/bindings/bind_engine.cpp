#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>

#include "bind_kernels.hpp"
#include "engine/families/nano_engine.hpp"
#include "kernels/dispatch.hpp"
#include "module.hpp"
#include "motorium/slot_space.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;
using Ids = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

template <typename T>
T get(const py::dict& table, const char* key) {
  if (!table.contains(key)) throw py::key_error(key);
  return table[key].cast<T>();
}

std::vector<float> flatten(const py::handle& table) {
  const auto array = Floats::ensure(table);
  if (!array) throw py::value_error("normalisation tables must be numbers");
  return {array.data(), array.data() + array.size()};
}

void read_dims(const py::dict& dims, NanoConfig& c) {
  c.prefix_width = get<std::size_t>(dims, "prefix_width");
  c.expert_width = get<std::size_t>(dims, "expert_width");
  c.heads = get<std::size_t>(dims, "heads");
  c.head_dim = get<std::size_t>(dims, "head_dim");
  c.layers = get<std::size_t>(dims, "layers");
  c.shared_layers = get<std::size_t>(dims, "shared_layers");
  c.prefix_mlp = get<std::size_t>(dims, "prefix_mlp");
  c.expert_mlp = get<std::size_t>(dims, "expert_mlp");
  c.experts = get<std::size_t>(dims, "experts");
  c.top_k = get<std::size_t>(dims, "top_k");
  c.routed_mlp = get<std::size_t>(dims, "routed_mlp");
  c.soft_tokens = get<std::size_t>(dims, "soft_tokens");
  c.groups = get<std::size_t>(dims, "groups");
  c.vision_channels = get<std::array<std::size_t, 3>>(dims, "vision_channels");
  c.rms_eps = get<float>(dims, "rms_eps");
  c.norm_eps = get<float>(dims, "norm_eps");
}

/// The keys of config.json that the engine needs; others are ignored.
NanoConfig read_config(const py::dict& d) {
  NanoConfig c{};
  read_dims(get<py::dict>(d, "dims"), c);
  const auto prompt = get<py::dict>(d, "prompt");
  c.rows = get<std::size_t>(get<py::dict>(d, "chunk"), "rows");
  c.vocabulary = py::len(get<py::list>(prompt, "vocabulary"));
  c.max_tokens = get<std::size_t>(prompt, "max_tokens");
  c.embodiments = py::len(get<py::list>(d, "embodiments"));
  c.scene = py::len(get<py::list>(get<py::dict>(d, "scene"), "names"));
  c.image_mean = get<std::array<float, 3>>(get<py::dict>(d, "image"), "mean");
  c.image_std = get<std::array<float, 3>>(get<py::dict>(d, "image"), "std");
  for (const auto& view : get<std::vector<py::dict>>(d, "cameras"))
    c.views.push_back(
        {get<std::string>(view, "role"), get<std::size_t>(view, "height"), get<std::size_t>(view, "width")});
  for (const auto& channel : get<std::vector<py::dict>>(d, "state"))
    c.state.push_back(
        {get<std::uint32_t>(channel, "slot"), get<float>(channel, "mean"), get<float>(channel, "std")});
  for (const auto& channel : get<std::vector<py::dict>>(d, "action"))
    c.action.push_back({get<std::uint32_t>(channel, "slot"), get<bool>(channel, "relative")});
  if (d.contains("slot_adapters"))
    for (const auto& of_one : get<std::vector<py::dict>>(d, "slot_adapters"))
      c.slot_adapters.push_back(get<std::vector<std::uint32_t>>(of_one, "slots"));
  const auto normalisation = get<py::dict>(d, "action_normalisation");
  c.action_mean = flatten(normalisation["mean"]);
  c.action_std = flatten(normalisation["std"]);
  return c;
}

std::unique_ptr<NanoEngine> make_engine(const py::dict& config, const std::map<std::string, Floats>& tensors,
                                        const std::string& isa, const std::string& precision,
                                        std::size_t threads, const std::vector<int>& cpus) {
  Tensors views;
  for (const auto& [name, array] : tensors)
    views[name] = {array.data(), {array.shape(), array.shape() + array.ndim()}};
  const EngineOptions options{precision_named(precision), threads, cpus};
  return std::make_unique<NanoEngine>(read_config(config), views, kernels::select_table(isa), options);
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
    const py::gil_scoped_release release;  // it waits for a plan that is being made
    engine.read_scene(values);
  }
  return out;
}

}  // namespace

void bind_engine(py::module_& m) {
  py::class_<NanoEngine>(
      m, "NanoEngine",
      "The motorium nano network; encode() once per observation, then denoise(). Releases the GIL.")
      .def(py::init(&make_engine), py::arg("config"), py::arg("tensors"), py::arg("isa") = "",
           py::arg("precision") = "float32", py::arg("threads") = 1, py::arg("cpus") = std::vector<int>{})
      .def("encode", &encode_nano, py::arg("images"), py::arg("token_ids"), py::arg("embodiment") = 0)
      .def("denoise", &denoise, py::arg("state"), py::arg("noise"), py::arg("committed") = py::none(),
           py::arg("steps"), py::arg("previous") = py::none(), py::arg("pull") = py::none(),
           py::arg("pull_limit") = 5.0f)
      .def_property_readonly("scene", &scene)
      .def_property_readonly("isa", &NanoEngine::isa)
      .def_property_readonly("arena_bytes", &NanoEngine::arena_bytes)
      .def_property_readonly("weight_bytes_read", &NanoEngine::weight_bytes_read);
  bind_denoiser(m);
  bind_families(m);
  bind_florence(m);
  bind_kernels(m);
}

}  // namespace motorium
