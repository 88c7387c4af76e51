#include <pybind11/stl.h>

#include "emulator/dynamixel_table.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace motorium {

void bind_emulated_models(py::module_& m) {
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
      .def_readwrite("ticks_per_turn", &DynamixelModel::ticks_per_turn)
      .def_readwrite("registers", &DynamixelModel::registers);
}

}  // namespace motorium
