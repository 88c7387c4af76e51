#include <pybind11/stl.h>

#include "bindings/enums.hpp"
#include "module.hpp"
#include "robot/robot_config.hpp"

namespace motorium {
namespace {

namespace py = pybind11;

void bind_parts(py::module_& m) {
  py::class_<FieldFormat>(m, "FieldFormat")
      .def(py::init([](bool is_signed, std::uint8_t sign_bit, bool high_byte_first) {
             return FieldFormat{is_signed, sign_bit, high_byte_first};
           }),
           py::kw_only(), py::arg("is_signed") = false, py::arg("sign_bit") = 0,
           py::arg("high_byte_first") = false);
  py::class_<SettingWords>(m, "SettingWords")
      .def(py::init([](std::string joint, std::string name, std::string about, std::string unit,
                       std::string remedy) {
             return SettingWords{std::move(joint), std::move(name), std::move(about), std::move(unit),
                                 std::move(remedy)};
           }),
           py::kw_only(), py::arg("joint") = "", py::arg("name") = "", py::arg("about") = "",
           py::arg("unit") = "", py::arg("remedy") = "")
      .def_readonly("joint", &SettingWords::joint)
      .def_readonly("name", &SettingWords::name)
      .def_readonly("about", &SettingWords::about)
      .def_readonly("unit", &SettingWords::unit)
      .def_readonly("remedy", &SettingWords::remedy);
  py::class_<SettingBound>(m, "SettingBound")
      .def(py::init([](std::uint16_t address, std::uint8_t size, std::string name) {
             return SettingBound{address, size, std::move(name)};
           }),
           py::kw_only(), py::arg("address") = 0, py::arg("size") = 0, py::arg("name") = "")
      .def_readonly("address", &SettingBound::address)
      .def_readonly("size", &SettingBound::size)
      .def_readonly("name", &SettingBound::name);
}

}  // namespace

void bind_settings(py::module_& m) {
  bind_parts(m);
  py::class_<ServoSetting>(m, "ServoSetting")
      .def(py::init([](std::uint32_t joint, std::uint16_t address, std::uint8_t size, std::uint32_t value,
                       std::uint32_t mask, bool eeprom, bool check_only, const FieldFormat& format,
                       const SettingBound& bound, const SettingWords& words) {
             return ServoSetting{joint, address, size, value, mask, eeprom, check_only, format, bound, words};
           }),
           py::kw_only(), py::arg("joint"), py::arg("address"), py::arg("size"), py::arg("value"),
           py::arg("mask") = 0xFFFFFFFF, py::arg("eeprom") = false, py::arg("check_only") = false,
           py::arg("field") = FieldFormat{}, py::arg("bound") = SettingBound{},
           py::arg("words") = SettingWords{})
      .def_readonly("joint", &ServoSetting::joint)
      .def_readonly("address", &ServoSetting::address)
      .def_readonly("size", &ServoSetting::size)
      .def_readonly("value", &ServoSetting::value)
      .def_readonly("mask", &ServoSetting::mask)
      .def_readonly("eeprom", &ServoSetting::eeprom)
      .def_readonly("check_only", &ServoSetting::check_only)
      .def_readonly("bound", &ServoSetting::bound)
      .def_readonly("words", &ServoSetting::words)
      .def(
          "number",
          [](const ServoSetting& setting, std::uint32_t raw) {
            return field_number(raw, setting.size, setting.format);
          },
          py::arg("raw"))
      .def(
          "describe",
          [](const ServoSetting& setting, OrText<SettingTrouble> trouble, std::uint8_t servo_id,
             const std::string& port, std::uint32_t found,
             std::uint8_t error) { return describe(setting, {trouble.value, found, error}, servo_id, port); },
          py::arg("trouble"), py::arg("servo_id"), py::arg("port"), py::arg("found") = 0,
          py::arg("error") = 0);
}

}  // namespace motorium
