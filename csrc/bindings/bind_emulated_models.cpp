#include <pybind11/stl.h>

#include "bindings/structs.hpp"
#include "emulator/chain_family.hpp"
#include "emulator/reply_line.hpp"
#include "emulator/servo_table.hpp"
#include "module.hpp"

namespace motorium {

ServoModels feetech_servos(const std::vector<std::uint8_t>& ids, std::uint16_t model, bool high_byte_first,
                           const std::vector<std::int32_t>& turns);

namespace py = pybind11;

/// Servos of the STS or the SCS series; `turns`: counts of each one's encoder, none: as the series has.
ServoModels feetech_servos(const std::vector<std::uint8_t>& ids, std::uint16_t model, bool high_byte_first,
                           const std::vector<std::int32_t>& turns) {
  ServoModel one;
  one.model_number = model;
  one.high_byte_first = high_byte_first;
  one.counts = (high_byte_first ? ServoTable::scs() : ServoTable::sts()).turn;
  ServoModels servos = alike(ids, one);
  if (turns.empty()) return servos;
  if (turns.size() != ids.size()) throw std::invalid_argument("one turn per id, or none");
  for (std::size_t i = 0; i < ids.size(); ++i) servos[i].second.counts = turns[i];
  return servos;
}

void bind_emulated_models(py::module_& m) {
  py::class_<EmulatedRegister>(m, "EmulatedRegister")
      .def(py::init([](std::uint16_t address, std::uint8_t size, bool writable, bool eeprom,
                       std::int32_t initial) {
             return EmulatedRegister{address, size, writable, eeprom, initial};
           }),
           py::kw_only(), py::arg("address"), py::arg("size"), py::arg("writable"), py::arg("eeprom"),
           py::arg("initial"));
  py::class_<ServoModel>(m, "ServoModel")
      .def(py::init<>())
      .def_readwrite("model_number", &ServoModel::model_number)
      .def_readwrite("firmware", &ServoModel::firmware)
      .def_readwrite("fast_firmware", &ServoModel::fast_firmware)
      .def_readwrite("effort_full_scale", &ServoModel::effort_full_scale)
      .def_readwrite("ticks_per_turn", &ServoModel::ticks_per_turn)
      .def_readwrite("counts", &ServoModel::counts)
      .def_readwrite("high_byte_first", &ServoModel::high_byte_first)
      .def_readwrite("registers", &ServoModel::registers);
  m.def("emulated_families", [] {
    std::vector<std::string> names;
    for (const ChainFamily& family : chain_families()) names.emplace_back(family.name);
    return names;
  });
  using E = EmulatorStats;
  BoundStruct<E>(m, "EmulatorStats", "What a virtual chain has heard and said.")
      .field("requests", &E::requests, "Requests that were understood.")
      .field("replies", &E::replies, "Replies that were sent.")
      .field("bad_checksums", &E::bad_checksums, "Requests with a wrong checksum.")
      .field("bad_lengths", &E::bad_lengths, "Requests of an impossible length.")
      .field("dropped_bytes", &E::dropped_bytes, "Bytes that belonged to no request.")
      .field("faults", &E::faults, "Faults that were injected.")
      .finish();
}

}  // namespace motorium
