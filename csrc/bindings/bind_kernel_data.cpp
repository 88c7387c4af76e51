// Images, slots and converted rows alone, for tests and benchmarks.
#include <algorithm>
#include <array>

#include "bind_kernels.hpp"
#include "kernels/pack.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using namespace kernels;
using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

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

Floats resize_image(const Bytes& x, std::size_t height, std::size_t width, std::array<float, 3> scale,
                    std::array<float, 3> shift, bool channels_first, const std::string& isa) {
  require(x.ndim() == 3 && x.shape(2) == 3 && x.size() > 0, "need x (h, w, 3) uint8");
  Floats y = channels_first ? empty({3, height, width}) : empty({height, width, 3});
  std::vector<float> scratch(3 * size(x, 1));
  select_table(isa).u8_resize_image({x.data(),
                                     size(x, 0),
                                     size(x, 1),
                                     y.mutable_data(),
                                     height,
                                     width,
                                     {scale[0], scale[1], scale[2]},
                                     {shift[0], shift[1], shift[2]},
                                     channels_first,
                                     scratch.data()});
  return y;
}

/// Checks the arguments that gathering and scattering share.
SlotScale slot_scale(const Indices& slots, std::size_t slot_count, const Floats& base, const Floats& mean,
                     const Floats& scale) {
  const py::ssize_t channels = slots.size();
  require(
      base.size() == channels && mean.ndim() == 2 && mean.shape(1) == channels && mean.size() == scale.size(),
      "need slots, base (channels) and mean, scale (rows, channels)");
  for (py::ssize_t c = 0; c < channels; ++c) require(slots.data()[c] < slot_count, "a slot is out of range");
  return {
      size(mean, 0), static_cast<std::size_t>(channels), slot_count, slots.data(), base.data(), mean.data(),
      scale.data()};
}

Floats gather_slots(const Floats& chunk, const Indices& slots, const Floats& base, const Floats& mean,
                    const Floats& scale, const std::string& isa) {
  require(chunk.ndim() == 2 && mean.ndim() == 2 && chunk.shape(0) == mean.shape(0),
          "need chunk (rows, slots)");
  const SlotScale by = slot_scale(slots, size(chunk, 1), base, mean, scale);
  Floats x = empty({by.rows, by.channels});
  select_table(isa).f32_gather_slots({chunk.data(), x.mutable_data(), by});
  return x;
}

Floats scatter_slots(const Floats& x, std::size_t slot_count, const Indices& slots, const Floats& base,
                     const Floats& mean, const Floats& scale, const std::string& isa) {
  require(x.ndim() == 2 && x.size() == mean.size(), "need x (rows, channels)");
  const SlotScale by = slot_scale(slots, slot_count, base, mean, scale);
  Floats chunk = empty({by.rows, slot_count});
  select_table(isa).f32_scatter_slots({x.data(), chunk.mutable_data(), by});
  return chunk;
}

Floats round_rows(const Floats& x, const std::string& isa) {
  require(x.ndim() == 2, "need x (rows, k)");
  const std::size_t k = size(x, 1);
  std::vector<std::uint16_t> rounded(size(x, 0) * converted_stride(k));
  select_table(isa).bf16_round_rows({x.data(), k, size(x, 0), k, nullptr, rounded.data(), nullptr});
  Floats y = empty({size(x, 0), k});
  for (std::size_t i = 0; i < size(x, 0) * k; ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(rounded[i / k * converted_stride(k) + i % k]) << 16;
    std::memcpy(y.mutable_data() + i, &bits, sizeof bits);
  }
  return y;
}

std::int32_t input_at(const KernelTable& table, const std::vector<std::byte>& rows, std::size_t i) {
  std::int16_t wide;
  std::memcpy(&wide, rows.data() + i * table.i8.input_bytes, table.i8.input_bytes == 2 ? 2 : 1);
  if (table.i8.input_bytes == 2) return wide;
  const auto byte = static_cast<std::uint8_t>(rows[i]);
  return table.i8.offset > 0 ? byte - table.i8.offset : static_cast<std::int8_t>(byte);
}

py::tuple quantise_rows(const Floats& x, const std::string& isa, const std::optional<std::string>& rounding) {
  require(x.ndim() == 2, "need x (rows, k)");
  const KernelTable table = rounded_like(select_table(isa), select_table(rounding.value_or(isa)));
  const std::size_t rows = size(x, 0), k = size(x, 1);
  std::vector<std::byte> quantised(rows * converted_stride(k) * table.i8.input_bytes);
  Floats scale = empty({rows});
  table.i8_quantise_rows(
      {x.data(), k, rows, k, nullptr, quantised.data(), scale.mutable_data(), table.i8.levels});
  py::array_t<std::int32_t> y({x.shape(0), x.shape(1)});
  for (std::size_t i = 0; i < rows * k; ++i)
    y.mutable_data()[i] = input_at(table, quantised, i / k * converted_stride(k) + i % k);
  return py::make_tuple(y, scale);
}

Floats add_scaled(const Floats& x, const Floats& z, float scale, const std::string& isa) {
  require(x.size() == z.size(), "need x and z of one size");
  Floats y = empty({static_cast<std::size_t>(x.size())});
  select_table(isa).f32_add_scaled(
      {x.data(), z.data(), y.mutable_data(), static_cast<std::size_t>(x.size()), scale});
  return y;
}

/// Returns the values as stored in a cache of `capacity` keys, (count, heads, dim).
template <bool narrow>
Floats store_keys(const Floats& k, const Floats& v, std::size_t first, std::size_t capacity,
                  const std::string& isa) {
  require(k.ndim() == 3 && v.ndim() == 3 && k.size() == v.size() && k.shape(1) == v.shape(1),
          "need k and v (count, heads, dim)");
  const std::size_t count = size(k, 0), heads = size(k, 1), dim = size(k, 2);
  require(first <= capacity && count <= capacity - first, "the cache is too small");
  require(!narrow || dim <= kMaxHeadDim, "heads are too wide");
  const KernelTable& table = select_table(isa);
  const std::size_t panel = table.panel, width = round_up(capacity, panel), group = table.i16_group;
  std::vector<float> keys(key_floats(heads, dim, capacity, panel));
  std::vector<float> values(value_floats(heads, dim, capacity, panel));
  std::vector<float> key_scale(heads * width), value_scale(heads * width);
  std::vector<std::int16_t> narrow_keys(2 * narrow_floats(heads, dim, capacity, panel)),
      narrow_values(narrow_keys.size());
  const KeyValues cache{
      keys.data(), values.data(),
      heads,       dim,
      capacity,    {narrow_keys.data(), narrow_values.data(), key_scale.data(), value_scale.data()}};
  (narrow ? table.i16_store_keys
          : table.f32_store_keys)({k.data(), v.data(), heads * dim, count, first, cache});
  Floats y = empty({count, heads, dim});
  for (std::size_t i = 0; i < count * heads * dim; ++i) {
    const std::size_t key = first + i / (heads * dim), head = i / dim % heads, d = i % dim;
    const std::size_t rows = narrow ? round_up(capacity, group) : capacity, together = narrow ? group : 1;
    const std::size_t start = head * round_up(dim, panel) + d / panel * panel;
    const std::size_t at =
        (start * rows + key / together * together * panel) + d % panel * together + key % together;
    y.mutable_data()[i] =
        narrow ? static_cast<float>(narrow_values[at]) * value_scale[head * width + key] : values[at];
  }
  return y;
}

}  // namespace

void bind_kernel_data(py::module_& m) {
  const py::arg_v isa = py::arg("isa") = "";
  m.def("u8_normalise_image", &normalise_image, py::arg("x"), py::arg("scale"), py::arg("shift"), isa);
  m.def("u8_resize_image", &resize_image, py::arg("x"), py::arg("height"), py::arg("width"), py::arg("scale"),
        py::arg("shift"), py::arg("channels_first") = false, isa);
  m.def("f32_gather_slots", &gather_slots, py::arg("chunk"), py::arg("slots"), py::arg("base"),
        py::arg("mean"), py::arg("scale"), isa);
  m.def("f32_scatter_slots", &scatter_slots, py::arg("x"), py::arg("slot_count"), py::arg("slots"),
        py::arg("base"), py::arg("mean"), py::arg("scale"), isa);
  m.def("f32_add_scaled", &add_scaled, py::arg("x"), py::arg("z"), py::arg("scale"), isa);
  m.def("f32_store_keys", &store_keys<false>, py::arg("k"), py::arg("v"), py::arg("first"),
        py::arg("capacity"), isa);
  m.def("i16_store_keys", &store_keys<true>, py::arg("k"), py::arg("v"), py::arg("first"),
        py::arg("capacity"), isa);
  m.def("bf16_round_rows", &round_rows, py::arg("x"), isa);
  m.def("i8_quantise_rows", &quantise_rows, py::arg("x"), isa, py::arg("rounding") = py::none());
}

}  // namespace motorium
