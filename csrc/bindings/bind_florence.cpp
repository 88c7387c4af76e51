// The vision-language encoder of X-VLA.
#include "engine/families/florence_encoder.hpp"
#include "engine_glue.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Flags = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

DavitStage read_stage(const py::dict& d) {
  return {required<std::size_t>(d, "width"),   required<std::size_t>(d, "depth"),
          required<std::size_t>(d, "heads"),   required<std::size_t>(d, "groups"),
          required<std::size_t>(d, "patch"),   required<std::size_t>(d, "stride"),
          required<std::size_t>(d, "padding"), required<bool>(d, "norm_first")};
}

FlorenceConfig read_florence(const py::dict& d) {
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
  return c;
}

py::tuple encode_florence(FlorenceEncoder& encoder, const FloatArray& pixels, const Flags& valid,
                          const Ids& ids, Recorder* recorder) {
  const auto width = static_cast<py::ssize_t>(encoder.config().text.width);
  const auto tokens = static_cast<py::ssize_t>(encoder.config().view_tokens());
  FloatArray features({tokens + ids.size(), width});
  FloatArray views({std::max<py::ssize_t>(valid.size() - 1, 0) * tokens, width});
  const FlorenceEncoder::Observation o{
      view(pixels),        {valid.data(), static_cast<std::size_t>(valid.size())},
      ids_of(ids),         mutable_view(features),
      mutable_view(views), recorder};
  run_encoder([&] { return encoder.encode(o); });
  return py::make_tuple(features, views);
}

}  // namespace

void bind_florence(py::module_& m) {
  bind_family<FlorenceEncoder>(m, "FlorenceEncoder",
                               "X-VLA's DaViT and BART: pixels and token ids to features.", &read_florence)
      .def("encode", &encode_florence, py::arg("pixels"), py::arg("valid"), py::arg("ids"),
           py::arg("recorder") = py::none());
}

}  // namespace motorium
