#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <map>
#include <optional>

#include "emulator/servo_emulator.hpp"
#include "module.hpp"

namespace motorium {
namespace {

namespace py = pybind11;
using Ints = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

const std::map<std::string, ServoFault>& faults() {
  static const std::map<std::string, ServoFault> table{{"none", ServoFault::none},
                                                       {"drop", ServoFault::drop},
                                                       {"corrupt", ServoFault::corrupt},
                                                       {"truncate", ServoFault::truncate},
                                                       {"wrong_id", ServoFault::wrong_id},
                                                       {"wrong_length", ServoFault::wrong_length},
                                                       {"garbage_before", ServoFault::garbage_before},
                                                       {"garbage_after", ServoFault::garbage_after},
                                                       {"echo", ServoFault::echo}};
  return table;
}

std::int32_t at(const std::optional<Ints>& array, std::size_t i, std::size_t n, std::int32_t otherwise) {
  if (!array) return otherwise;
  if (array->ndim() != 1 || static_cast<std::size_t>(array->size()) != n) {
    throw py::value_error("every array must have shape (" + std::to_string(n) + ",)");
  }
  return array->data()[i];
}

void update(ServoEmulator& emulator, const Ints& position, const Ints& speed, const Ints& load,
            const std::optional<Ints>& voltage, const std::optional<Ints>& temperature,
            const std::optional<Ints>& current, const std::optional<Ints>& moving,
            const std::optional<Ints>& status) {
  const std::size_t n = emulator.size();
  std::vector<ServoPresent> present(n);
  for (std::size_t i = 0; i < n; ++i) {
    const ServoPresent plain;
    present[i] = {at(position, i, n, 0),
                  at(speed, i, n, 0),
                  at(load, i, n, 0),
                  at(voltage, i, n, plain.voltage_dv),
                  at(temperature, i, n, plain.temperature_c),
                  at(current, i, n, 0),
                  at(moving, i, n, 0) != 0,
                  static_cast<std::uint8_t>(at(status, i, n, 0))};
  }
  emulator.update(present);
}

template <class Get>
auto column(const std::vector<ServoGoal>& goals, Get get) {
  using Value = decltype(get(goals[0]));
  py::array_t<Value> result(static_cast<py::ssize_t>(goals.size()));
  for (std::size_t i = 0; i < goals.size(); ++i) result.mutable_data()[i] = get(goals[i]);
  return result;
}

py::dict goals(const ServoEmulator& emulator) {
  using namespace py::literals;
  std::vector<ServoGoal> g(emulator.size());
  emulator.goals(g);
  return py::dict(
      "torque_enable"_a = column(g, [](const ServoGoal& v) { return v.torque_enable; }),
      "goal_position_ticks"_a = column(g, [](const ServoGoal& v) { return v.goal_position_ticks; }),
      "goal_speed_ticks_s"_a = column(g, [](const ServoGoal& v) { return v.goal_speed_ticks_s; }),
      "acceleration"_a = column(g, [](const ServoGoal& v) { return v.acceleration; }),
      "torque_limit_permille"_a = column(g, [](const ServoGoal& v) { return v.torque_limit_permille; }));
}

py::dict stats(const ServoEmulator& emulator) {
  using namespace py::literals;
  const EmulatorStats s = emulator.stats();
  return py::dict("requests"_a = s.requests, "replies"_a = s.replies, "bad_checksums"_a = s.bad_checksums,
                  "bad_lengths"_a = s.bad_lengths, "dropped_bytes"_a = s.dropped_bytes,
                  "faults"_a = s.faults);
}

std::size_t index_of(const ServoEmulator& emulator, std::uint8_t id) {
  for (std::size_t i = 0; i < emulator.size(); ++i) {
    if (emulator.registers(i)[5] == id) return i;
  }
  throw py::value_error("no servo has id " + std::to_string(id));
}

void set_fault(ServoEmulator& emulator, const std::string& kind, std::optional<std::uint8_t> id,
               std::uint32_t period) {
  const auto found = faults().find(kind);
  if (found == faults().end()) throw py::value_error("unknown fault " + kind);
  emulator.set_fault(found->second, id ? static_cast<int>(index_of(emulator, *id)) : -1, period);
}

}  // namespace

void bind_emulator(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<ServoEmulator>(m, "ServoEmulator")
      .def(py::init<std::vector<std::uint8_t>, std::uint16_t>(), py::arg("ids"), py::arg("model") = 777)
      .def_property_readonly("port", &ServoEmulator::port)
      .def("update", &update, py::arg("position_ticks"), py::arg("speed_ticks_s"), py::arg("load_permille"),
           py::arg("voltage_dv") = py::none(), py::arg("temperature_c") = py::none(),
           py::arg("current_raw") = py::none(), py::arg("moving") = py::none(),
           py::arg("status") = py::none())
      .def("goals", &goals)
      .def(
          "registers",
          [](const ServoEmulator& emulator, std::uint8_t id) {
            const auto bytes = emulator.registers(index_of(emulator, id));
            return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          },
          py::arg("servo_id"))
      .def(
          "poke",
          [](ServoEmulator& emulator, std::uint8_t id, std::uint8_t address, const std::string& data) {
            emulator.poke(index_of(emulator, id), address,
                          {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
          },
          py::arg("servo_id"), py::arg("address"), py::arg("data"))
      .def("set_fault", &set_fault, py::arg("kind"), py::arg("servo_id") = py::none(), py::arg("period") = 1)
      .def("power_cycle", &ServoEmulator::power_cycle)
      .def("stats", &stats)
      .def("close", &ServoEmulator::close, Release());
}

}  // namespace motorium
