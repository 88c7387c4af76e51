// The vision-language encoder of X-VLA.
#include "bind_kernels.hpp"
#include "denoiser_glue.hpp"
#include "engine/families/florence_encoder.hpp"
#include "kernels/dispatch.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Ids = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;
using Flags = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

DavitStage read_stage(const py::dict& d) {
  return {required<std::size_t>(d, "width"),   required<std::size_t>(d, "depth"),
          required<std::size_t>(d, "heads"),   required<std::size_t>(d, "groups"),
          required<std::size_t>(d, "patch"),   required<std::size_t>(d, "stride"),
          required<std::size_t>(d, "padding"), required<bool>(d, "norm_first")};
}

std::unique_ptr<FlorenceEncoder> make_encoder(const py::dict& d,
                                              const std::map<std::string, FloatArray>& tensors,
                                              const std::string& isa, const std::string& precision,
                                              std::size_t threads) {
  FlorenceConfig c;
  for (const auto& stage : required<std::vector<py::dict>>(d, "stages"))
    c.stages.push_back(read_stage(stage));
  c.image = required<std::size_t>(d, "image");
  c.window = required<std::size_t>(d, "window");
  c.most_positions = required<std::size_t>(d, "most_positions");
  c.temporal_positions = required<std::size_t>(d, "temporal_positions");
  c.text = read_block(required<py::dict>(d, "text"));
  c.text_layers = required<std::size_t>(d, "text_layers");
  c.vocabulary = required<std::size_t>(d, "vocabulary");
  c.most_tokens = required<std::size_t>(d, "most_tokens");
  c.position_rows = required<std::size_t>(d, "position_rows");
  return std::make_unique<FlorenceEncoder>(c, tensor_views(tensors), kernels::select_table(isa),
                                           EngineOptions{precision_named(precision), threads, {}});
}

py::tuple encode_florence(FlorenceEncoder& encoder, const FloatArray& pixels, const Flags& valid,
                          const Ids& ids, Recorder* recorder) {
  const auto width = static_cast<py::ssize_t>(encoder.config().text.width);
  const auto tokens = static_cast<py::ssize_t>(encoder.config().view_tokens());
  FloatArray features({tokens + ids.size(), width});
  FloatArray views({std::max<py::ssize_t>(valid.size() - 1, 0) * tokens, width});
  const FlorenceEncoder::Observation o{view(pixels),
                                       {valid.data(), static_cast<std::size_t>(valid.size())},
                                       {ids.data(), static_cast<std::size_t>(ids.size())},
                                       mutable_view(features),
                                       mutable_view(views),
                                       recorder};
  DenoiseStatus status;
  {
    const py::gil_scoped_release release;
    status = encoder.encode(o);
  }
  raise_unless_ok(status);
  return py::make_tuple(features, views);
}

}  // namespace

void bind_florence(py::module_& m) {
  py::class_<FlorenceEncoder>(m, "FlorenceEncoder",
                              "X-VLA's DaViT and BART: pixels and token ids to features.")
      .def(py::init(&make_encoder), py::arg("config"), py::arg("tensors"), py::arg("isa") = "",
           py::arg("precision") = "float32", py::arg("threads") = 1)
      .def("encode", &encode_florence, py::arg("pixels"), py::arg("valid"), py::arg("ids"),
           py::arg("recorder") = py::none())
      .def_property_readonly("isa", &FlorenceEncoder::isa);
}

}  // namespace motorium
