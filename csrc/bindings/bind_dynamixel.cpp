#include "bindings/bind_bus.hpp"
#include "bus/dynamixel_bus.hpp"
#include "emulator/dynamixel_table.hpp"
#include "module.hpp"

namespace motorium {

void bind_dynamixel(pybind11::module_& m);

namespace {

namespace py = pybind11;
using Release = py::call_guard<py::gil_scoped_release>;

void bind_dynamixel_config(py::module_& m) {
  py::class_<DynamixelRegisters>(m, "DynamixelRegisters")
      .def(py::init<>())
      .def_readwrite("firmware", &DynamixelRegisters::firmware)
      .def_readwrite("return_delay", &DynamixelRegisters::return_delay)
      .def_readwrite("torque_enable", &DynamixelRegisters::torque_enable)
      .def_readwrite("return_level", &DynamixelRegisters::return_level)
      .def_readwrite("hardware_error", &DynamixelRegisters::hardware_error)
      .def_readwrite("bus_watchdog", &DynamixelRegisters::bus_watchdog)
      .def_readwrite("goal_position", &DynamixelRegisters::goal_position)
      .def_readwrite("present", &DynamixelRegisters::present)
      .def_readwrite("present_voltage", &DynamixelRegisters::present_voltage)
      .def_readwrite("present_room", &DynamixelRegisters::present_room);
  py::class_<DynamixelJoint>(m, "DynamixelJoint")
      .def(py::init<>())
      .def_readwrite("id", &DynamixelJoint::id)
      .def_readwrite("model_number", &DynamixelJoint::model_number)
      .def_readwrite("zero_ticks", &DynamixelJoint::zero_ticks)
      .def_readwrite("middle_ticks", &DynamixelJoint::middle_ticks)
      .def_readwrite("sign", &DynamixelJoint::sign)
      .def_readwrite("ticks_per_rad", &DynamixelJoint::ticks_per_rad)
      .def_readwrite("rad_s_per_unit", &DynamixelJoint::rad_s_per_unit)
      .def_readwrite("effort_full_scale", &DynamixelJoint::effort_full_scale)
      .def_readwrite("min_ticks", &DynamixelJoint::min_ticks)
      .def_readwrite("max_ticks", &DynamixelJoint::max_ticks)
      .def_readwrite("fast_firmware", &DynamixelJoint::fast_firmware)
      .def_readwrite("passive", &DynamixelJoint::passive);
  py::class_<DynamixelBusConfig>(m, "DynamixelBusConfig")
      .def(py::init<>())
      .def_readwrite("joints", &DynamixelBusConfig::joints)
      .def_readwrite("settings", &DynamixelBusConfig::settings)
      .def_readwrite("registers", &DynamixelBusConfig::registers)
      .def_readwrite("baud", &DynamixelBusConfig::baud)
      .def_readwrite("reply_margin_s", &DynamixelBusConfig::reply_margin_s)
      .def_readwrite("health_period_s", &DynamixelBusConfig::health_period_s)
      .def_readwrite("watchdog_units", &DynamixelBusConfig::watchdog_units);
}

void bind_dynamixel_model(py::module_& m) {
  py::class_<EmulatedRegister>(m, "EmulatedRegister")
      .def(py::init([](std::uint16_t address, std::uint8_t size, bool writable, bool eeprom,
                       std::int32_t initial) {
             return EmulatedRegister{address, size, writable, eeprom, initial};
           }),
           py::kw_only(), py::arg("address"), py::arg("size"), py::arg("writable"), py::arg("eeprom"),
           py::arg("initial"));
  py::class_<DynamixelModel>(m, "DynamixelModel")
      .def(py::init<>())
      .def_readwrite("model_number", &DynamixelModel::model_number)
      .def_readwrite("firmware", &DynamixelModel::firmware)
      .def_readwrite("fast_firmware", &DynamixelModel::fast_firmware)
      .def_readwrite("effort_full_scale", &DynamixelModel::effort_full_scale)
      .def_readwrite("registers", &DynamixelModel::registers);
}

}  // namespace

void bind_dynamixel(py::module_& m) {
  bind_dynamixel_config(m);
  bind_dynamixel_model(m);
  // Id, baud rate, return delay, protocol, homing offset: EEPROM in the tables of all series, the XL320's
  // too.
  bind_raw(py::class_<DynamixelLink>(m, "DynamixelBus"), {{{0, 9}, {13, 23}}, -1})
      .def(
          "fast_sync_read",
          [](DynamixelLink& link, const std::vector<std::uint8_t>& ids, std::uint16_t address,
             std::uint8_t size) {
            return raw_read_many(link, ids, size, [&](auto wanted, auto rows, auto errors, auto answered) {
              return link.fast_sync_read(wanted, address, size, rows, errors, answered);
            });
          },
          py::arg("ids"), py::arg("address"), py::arg("size"))
      .def(
          "reboot",
          [](DynamixelLink& link, std::uint8_t id) {
            const LinkStatus status = [&] {
              const py::gil_scoped_release release;
              return link.reboot(id, nullptr);
            }();
            must_be_open(status, link);
            return status == LinkStatus::ok;
          },
          py::arg("servo_id"));
  py::class_<DynamixelBus>(m, "DynamixelJoints")
      .def(py::init<const std::string&, DynamixelBusConfig>(), py::arg("port"), py::arg("config"), Release())
      .def(
          "read_state", [](DynamixelBus& bus, JointState& state) { return bus.read_state(state); },
          py::arg("state"), Release())
      .def("write_goal", &DynamixelBus::write_goal, py::arg("goal"), Release())
      .def("set_torque", &DynamixelBus::set_torque, py::arg("on"), Release())
      .def("reboot", &DynamixelBus::reboot, py::arg("joint"), Release())
      .def_property_readonly("fast", &DynamixelBus::fast)
      .def("counters", [](const DynamixelBus& bus) { return to_dict(bus.counters()); })
      .def("latency", [](const DynamixelBus& bus) { return to_dict(bus.latency()); });
}

}  // namespace motorium
