#include <pybind11/stl.h>

#include <optional>

#include "bindings/bind_runtime.hpp"
#include "motorium/shared_frames.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Image = py::array_t<std::uint8_t, py::array::c_style>;

const char* reason(FrameStatus status) {
  switch (status) {
    case FrameStatus::ok:
      return "ok";
    case FrameStatus::empty:
      return "no frame yet";
    case FrameStatus::busy:
      return "the shared frames are damaged: no slot holds the newest one whole";
    case FrameStatus::misaligned:
      return "the memory does not start at a multiple of 64 bytes";
    case FrameStatus::bad_shape:
      return "a size of the ring is zero or too large";
    case FrameStatus::truncated:
      return "the memory is truncated";
    case FrameStatus::foreign:
      return "the memory holds no motorium frames";
    case FrameStatus::other_version:
      return "the memory holds motorium frames of another version";
    case FrameStatus::wrong_size:
      return "the image has another size than the ring's";
  }
  return "unknown";
}

void check(FrameStatus status) {
  if (status != FrameStatus::ok) throw py::value_error(reason(status));
}

/// Memory of a Python object, kept exported, so neither freed nor unmapped, while this exists.
class Memory {
 public:
  Memory(const py::buffer& buffer, bool writable) : view_(buffer.request(writable)) {}
  std::span<unsigned char> bytes() const {
    return {static_cast<unsigned char*>(view_.ptr), static_cast<std::size_t>(view_.size * view_.itemsize)};
  }

 private:
  py::buffer_info view_;
};

struct Writer {
  Writer(const py::buffer& buffer, FrameShape shape, bool resume) : memory(buffer, true) {
    check(resume ? ring.resume(memory.bytes()) : ring.format(memory.bytes(), shape));
  }
  Memory memory;
  FrameWriter ring;
};

struct Reader {
  explicit Reader(const py::buffer& buffer) : memory(buffer, false) { check(ring.attach(memory.bytes())); }
  Memory memory;
  FrameReader ring;
};

std::uint64_t write(Writer& writer, const Image& image, std::int64_t t_ns) {
  const FrameShape& shape = writer.ring.shape();
  if (image.ndim() != 3 || image.shape(0) != shape.height || image.shape(1) != shape.width ||
      image.shape(2) != shape.channels)
    check(FrameStatus::wrong_size);
  // Keep the GIL, so that two threads of a careless caller take turns.
  check(writer.ring.write({image.data(), static_cast<std::size_t>(image.size())}, t_ns));
  return writer.ring.number();
}

std::optional<py::tuple> latest(const Reader& reader) {
  const FrameShape& shape = reader.ring.shape();
  if (reader.ring.latest() == 0) return std::nullopt;
  Image image(std::vector<py::ssize_t>{shape.height, shape.width, shape.channels});
  const std::span<unsigned char> out(image.mutable_data(), static_cast<std::size_t>(image.size()));
  FrameStamp stamp;
  FrameStatus status = FrameStatus::busy;
  {
    py::gil_scoped_release release;
    status = reader.ring.read(out, stamp);
  }
  check(status);
  return py::make_tuple(image, stamp.t_ns, stamp.number);
}

}  // namespace

void bind_frames(py::module_& m) {
  m.def(
      "frame_ring_bytes",
      [](std::uint32_t height, std::uint32_t width, std::uint32_t channels, std::uint32_t slots) {
        const FrameShape shape{height, width, channels, slots};
        if (!frames::well_formed(shape)) check(FrameStatus::bad_shape);
        return frames::total_bytes(shape);
      },
      py::arg("height"), py::arg("width"), py::arg("channels") = 3, py::arg("slots") = 4);
  py::class_<Writer>(m, "FrameWriter")
      .def(py::init([](const py::buffer& memory, std::uint32_t height, std::uint32_t width,
                       std::uint32_t channels, std::uint32_t slots, bool resume) {
             return std::make_unique<Writer>(memory, FrameShape{height, width, channels, slots}, resume);
           }),
           py::arg("memory"), py::arg("height") = 0, py::arg("width") = 0, py::arg("channels") = 3,
           py::arg("slots") = 4, py::arg("resume") = false)
      .def("write", &write, py::arg("image"), py::arg("t_ns"))
      .def_property_readonly("number", [](const Writer& writer) { return writer.ring.number(); });
  py::class_<Reader>(m, "FrameReader")
      .def(py::init<const py::buffer&>(), py::arg("memory"))
      .def("latest", &latest)
      .def_property_readonly("shape", [](const Reader& reader) {
        const FrameShape& shape = reader.ring.shape();
        return py::make_tuple(shape.height, shape.width, shape.channels);
      });
}

}  // namespace motorium
