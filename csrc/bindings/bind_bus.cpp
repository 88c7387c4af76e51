#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bus/bus_error.hpp"
#include "bus/feetech_bus.hpp"
#include "bus/monotonic.hpp"
#include "bus/safety_gate.hpp"
#include "module.hpp"

namespace motorium {

void bind_gate(pybind11::module_& m);
void bind_emulator(pybind11::module_& m);

namespace {

namespace py = pybind11;
using Release = py::call_guard<py::gil_scoped_release>;

// Raw access may prepare a servo, never move it: 40 torque enable .. 49 torque limit belong to the gate and
// the driver.
constexpr int kFirstMotionRegister = 40;
constexpr int kLastMotionRegister = 49;

template <class T>
py::array_t<T> row(const PerJoint<T>& values, std::size_t n) {
  return py::array_t<T>(static_cast<py::ssize_t>(n), values.data());
}

py::dict to_dict(const BusCounters& c) {
  using namespace py::literals;
  return py::dict("cycles"_a = c.cycles, "crc_errors"_a = c.crc_errors, "timeouts"_a = c.timeouts,
                  "length_errors"_a = c.length_errors, "wrong_id"_a = c.wrong_id,
                  "flushed_bytes"_a = c.flushed_bytes, "io_errors"_a = c.io_errors);
}

py::dict to_dict(const JointState& s) {
  using namespace py::literals;
  return py::dict("t_ns"_a = s.t_ns, "position_rad"_a = row(s.position_rad, s.n),
                  "velocity_rad_s"_a = row(s.velocity_rad_s, s.n), "effort"_a = row(s.effort, s.n),
                  "voltage_v"_a = row(s.voltage_v, s.n), "temperature_c"_a = row(s.temperature_c, s.n),
                  "status"_a = row(s.status, s.n), "joint_t_ns"_a = row(s.joint_t_ns, s.n));
}

void must_be_open(LinkStatus status, const FeetechLink& link) {
  if (status == LinkStatus::closed) throw BusError("port " + link.path() + " went away");
  if (status == LinkStatus::invalid) throw py::value_error("not a valid request: check id, address and size");
}

py::object raw_read(FeetechLink& link, std::uint8_t id, std::uint8_t address, std::uint8_t size) {
  std::array<std::uint8_t, 256> data{};
  LinkStatus status = LinkStatus::ok;
  {
    const py::gil_scoped_release release;
    status = link.read(id, address, {data.data(), size}, nullptr);
  }
  must_be_open(status, link);
  if (status != LinkStatus::ok) return py::none();
  return py::bytes(reinterpret_cast<const char*>(data.data()), size);
}

py::dict raw_sync_read(FeetechLink& link, const std::vector<std::uint8_t>& ids, std::uint8_t address,
                       std::uint8_t size) {
  if (ids.size() > kMaxJoints) throw py::value_error("at most 32 ids");
  std::vector<std::uint8_t> rows(ids.size() * size);
  std::array<std::uint8_t, kMaxJoints> errors{};
  std::array<bool, kMaxJoints> answered{};
  LinkStatus status = LinkStatus::ok;
  {
    const py::gil_scoped_release release;
    status =
        link.sync_read(ids, address, size, rows, {errors.data(), ids.size()}, {answered.data(), ids.size()});
  }
  must_be_open(status, link);
  py::dict result;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    py::object value = py::none();
    if (answered[i]) value = py::bytes(reinterpret_cast<const char*>(&rows[i * size]), size);
    result[py::int_(ids[i])] = value;
  }
  return result;
}

bool raw_configure(FeetechLink& link, std::uint8_t id, std::uint8_t address, const std::string& data) {
  if (address <= kLastMotionRegister && address + static_cast<int>(data.size()) > kFirstMotionRegister) {
    throw py::value_error("registers 40..49 move the motor: only the safety gate may write them");
  }
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  const LinkStatus status = [&] {
    const py::gil_scoped_release release;
    return link.write(id, address, bytes, nullptr);
  }();
  must_be_open(status, link);
  return status == LinkStatus::ok;
}

void bind_config(py::module_& m) {
  py::class_<FeetechSetting>(m, "FeetechSetting")
      .def(py::init([](std::uint32_t joint, std::uint8_t address, std::uint8_t size, std::uint16_t value,
                       std::uint16_t mask,
                       bool eeprom) { return FeetechSetting{joint, address, size, value, mask, eeprom}; }),
           py::kw_only(), py::arg("joint"), py::arg("address"), py::arg("size"), py::arg("value"),
           py::arg("mask") = 0xFFFF, py::arg("eeprom") = false)
      .def_readonly("joint", &FeetechSetting::joint)
      .def_readonly("address", &FeetechSetting::address)
      .def_readonly("size", &FeetechSetting::size)
      .def_readonly("value", &FeetechSetting::value)
      .def_readonly("mask", &FeetechSetting::mask)
      .def_readonly("eeprom", &FeetechSetting::eeprom);
  py::class_<FeetechBusConfig>(m, "FeetechBusConfig")
      .def(py::init<>())
      .def_readwrite("ids", &FeetechBusConfig::ids)
      .def_readwrite("zero_ticks", &FeetechBusConfig::zero_ticks)
      .def_readwrite("sign", &FeetechBusConfig::sign)
      .def_readwrite("ticks_per_rad", &FeetechBusConfig::ticks_per_rad)
      .def_readwrite("min_ticks", &FeetechBusConfig::min_ticks)
      .def_readwrite("max_ticks", &FeetechBusConfig::max_ticks)
      .def_readwrite("baud", &FeetechBusConfig::baud)
      .def_readwrite("reply_margin_s", &FeetechBusConfig::reply_margin_s)
      .def_readwrite("model_number", &FeetechBusConfig::model_number)
      .def_readwrite("settings", &FeetechBusConfig::settings);
}

}  // namespace

void bind_bus(py::module_& m) {
  py::register_exception<BusError>(m, "BusError", PyExc_OSError);
  py::enum_<BusStatus>(m, "BusStatus")
      .value("OK", BusStatus::ok)
      .value("STALE_JOINTS", BusStatus::stale_joints)
      .value("IO_ERROR", BusStatus::io_error)
      .value("CLOSED", BusStatus::closed);
  bind_gate(m);
  bind_config(m);
  py::class_<FeetechLink>(m, "FeetechBus")
      .def(py::init([](const std::string& port, std::uint32_t baud, std::int64_t reply_margin_us) {
             return std::make_unique<FeetechLink>(port, baud, static_cast<double>(reply_margin_us) * 1e-6);
           }),
           py::arg("port"), py::arg("baud") = 1'000'000, py::arg("reply_margin_us") = 4000)
      .def(
          "ping",
          [](FeetechLink& link, std::uint8_t id) {
            const LinkStatus status = link.ping(id, nullptr);
            must_be_open(status, link);
            return status == LinkStatus::ok;
          },
          py::arg("servo_id"))
      .def("read", &raw_read, py::arg("servo_id"), py::arg("address"), py::arg("size"))
      .def("sync_read", &raw_sync_read, py::arg("ids"), py::arg("address"), py::arg("size"))
      .def("configure", &raw_configure, py::arg("servo_id"), py::arg("address"), py::arg("data"))
      .def("counters", [](const FeetechLink& link) { return to_dict(link.counters()); });
  py::class_<FeetechBus>(m, "FeetechJoints")
      .def(py::init<const std::string&, FeetechBusConfig>(), py::arg("port"), py::arg("config"), Release())
      .def(
          "read_state", [](FeetechBus& bus, JointState& state) { return bus.read_state(state); },
          py::arg("state"), Release())
      .def("write_goal", &FeetechBus::write_goal, py::arg("goal"), Release())
      .def("set_torque", &FeetechBus::set_torque, py::arg("on"), Release())
      .def("counters", [](const FeetechBus& bus) { return to_dict(bus.counters()); });
  py::class_<JointState>(m, "JointReadings").def(py::init<>()).def("as_dict", [](const JointState& state) {
    return to_dict(state);
  });
  bind_emulator(m);
}

}  // namespace motorium
