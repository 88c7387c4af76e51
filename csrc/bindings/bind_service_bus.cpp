#include <pybind11/stl.h>

#include "bindings/structs.hpp"
#include "module.hpp"
#include "robot/service_bus.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

using Release = py::call_guard<py::gil_scoped_release>;

py::object python(const std::optional<Bytes>& data) {
  if (!data) return py::none();
  return py::bytes(reinterpret_cast<const char*>(data->data()), data->size());
}

std::unique_ptr<ServiceBus> open(const std::string& family, const std::string& port, std::uint32_t baud,
                                 std::int64_t reply_margin_us, bool fresh) {
  return std::make_unique<ServiceBus>(
      family, port, ServiceBus::Line{baud, static_cast<double>(reply_margin_us) * 1e-6, fresh});
}

py::object read(ServiceBus& bus, std::uint8_t id, std::uint16_t address, std::uint8_t size) {
  std::optional<Bytes> data;
  {
    const py::gil_scoped_release release;
    data = bus.read(id, address, size);
  }
  return python(data);
}

/// Returns id -> bytes, or None where there was no proper answer.
py::dict sync_read(ServiceBus& bus, const std::vector<std::uint8_t>& ids, std::uint16_t address,
                   std::uint8_t size, bool fast) {
  std::vector<std::optional<Bytes>> found;
  {
    const py::gil_scoped_release release;
    found = bus.sync_read(ids, address, size, fast);
  }
  py::dict out;
  for (std::size_t i = 0; i < ids.size(); ++i) out[py::int_(ids[i])] = python(found[i]);
  return out;
}

bool configure(ServiceBus& bus, std::uint8_t id, std::uint16_t address, const std::string& data) {
  const py::gil_scoped_release release;
  return bus.configure(id, address, {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
}

}  // namespace

void bind_service_bus(py::module_& m) {
  py::class_<ServiceBus>(m, "ServiceBus",
                         "Raw registers of a chain of servos, for set-up and diagnosis; moves no motor.")
      .def(py::init(&open), py::arg("family"), py::arg("port"), py::arg("baud") = 1'000'000,
           py::arg("reply_margin_us") = 4000, py::arg("fresh") = true)
      .def("ping", &ServiceBus::ping, py::arg("servo_id"), Release())
      .def("read", &read, py::arg("servo_id"), py::arg("address"), py::arg("size"))
      .def("sync_read", &sync_read, py::arg("ids"), py::arg("address"), py::arg("size"),
           py::arg("fast") = false)
      .def("configure", &configure, py::arg("servo_id"), py::arg("address"), py::arg("data"))
      .def("reboot", &ServiceBus::reboot, py::arg("servo_id"), Release())
      .def("counters", &ServiceBus::counters)
      .def("latency", &ServiceBus::latency);
}

}  // namespace motorium
