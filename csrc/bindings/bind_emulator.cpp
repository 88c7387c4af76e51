#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/structs.hpp"
#include "emulator/servo_emulator.hpp"
#include "module.hpp"

namespace motorium {

template <>
struct Texts<ServoFault> {
  static constexpr std::array<std::string_view, 11> all{
      "none",     "drop",         "corrupt",        "truncate",      "delay", "duplicate",
      "wrong_id", "wrong_length", "garbage_before", "garbage_after", "echo"};
};

}  // namespace motorium

MOTORIUM_ENUM_CASTER(motorium::ServoFault, "ServoFault");

namespace motorium {

ServoModels feetech_servos(const std::vector<std::uint8_t>& ids, std::uint16_t model, bool high_byte_first,
                           const std::vector<std::int32_t>& turns);

namespace {

namespace py = pybind11;
using Ints = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

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

/// Latest goals of all servos of a chain.
struct ServoGoals {
  std::vector<ServoGoal> each;
};

ServoGoals goals(const ServoEmulator& emulator) {
  ServoGoals out{std::vector<ServoGoal>(emulator.size())};
  emulator.goals(out.each);
  return out;
}

void bind_goals(py::module_& m) {
  const auto all = [](auto member) {
    return [member](const ServoGoals& g) {
      return column(g.each, [member](const ServoGoal& v) { return v.*member; });
    };
  };
  BoundStruct<ServoGoals>(m, "ServoGoals", "What the J servos of a virtual chain were told last.")
      .field("torque_enable", all(&ServoGoal::torque_enable), "(J,) register, 1: on.")
      .field("goal_position_ticks", all(&ServoGoal::goal_position_ticks), "(J,) ticks.")
      .field("goal_speed_ticks_s", all(&ServoGoal::goal_speed_ticks_s), "(J,) ticks/s; 0: as fast as it can.")
      .field("acceleration", all(&ServoGoal::acceleration), "(J,) in 100 ticks/s^2; 0: as fast as it can.")
      .field("torque_limit_permille", all(&ServoGoal::torque_limit_permille), "(J,) of stall torque, 1/1000.")
      .field("turning", all(&ServoGoal::turning), "(J,) whether it turns at a speed, without a goal.")
      .field("turn_speed_ticks_s", all(&ServoGoal::turn_speed_ticks_s), "(J,) that speed, ticks/s.")
      .finish();
}

std::size_t index_of(const ServoEmulator& emulator, std::uint8_t id) {
  const int found = emulator.find(id);
  if (found < 0) throw py::value_error("no servo has id " + std::to_string(id));
  return static_cast<std::size_t>(found);
}

std::size_t checked(const ServoEmulator& emulator, std::size_t place) {
  if (place >= emulator.size()) throw py::index_error("no servo at place " + std::to_string(place));
  return place;
}

py::bytes bytes_of(const VirtualServo::Table& table) {
  return {reinterpret_cast<const char*>(table.data()), table.size()};
}

std::span<const std::uint8_t> as_bytes(const std::string& data) {
  return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
}

int index_or_all(const ServoEmulator& emulator, std::optional<std::uint8_t> id) {
  return id ? static_cast<int>(index_of(emulator, *id)) : -1;
}

void set_fault(ServoEmulator& emulator, OrText<ServoFault> kind, std::optional<std::uint8_t> id,
               std::uint32_t period, double delay_s) {
  emulator.set_fault(kind.value, index_or_all(emulator, id), period, delay_s);
}

void set_condition(ServoEmulator& emulator, std::optional<std::uint8_t> id, bool overload, bool overheat,
                   std::int32_t sag_dv) {
  emulator.set_condition({overload, overheat, sag_dv}, index_or_all(emulator, id));
}

std::unique_ptr<ServoEmulator> emulate(const std::string& family, const ServoModels& servos) {
  return std::make_unique<ServoEmulator>(family, servos);
}

}  // namespace

void bind_emulator(py::module_& m) {
  using Release = py::call_guard<py::gil_scoped_release>;
  bind_text_enum<ServoFault>(m, "ServoFault", "How a virtual servo, or its line, can spoil replies.");
  bind_goals(m);
  py::class_<ServoEmulator>(m, "ServoEmulator")
      .def(py::init([](const std::vector<std::uint8_t>& ids, std::uint16_t model, bool high_byte_first,
                       const std::vector<std::int32_t>& turns) {
             return emulate("feetech", feetech_servos(ids, model, high_byte_first, turns));
           }),
           py::arg("ids"), py::arg("model") = 777, py::arg("high_byte_first") = false,
           py::arg("turns") = std::vector<std::int32_t>{})
      .def_static("of", &emulate, py::arg("family"), py::arg("servos"))
      .def_property_readonly("port", &ServoEmulator::port)
      .def("update", &update, py::arg("position_ticks"), py::arg("speed_ticks_s"), py::arg("load_permille"),
           py::arg("voltage_dv") = py::none(), py::arg("temperature_c") = py::none(),
           py::arg("current_raw") = py::none(), py::arg("moving") = py::none(),
           py::arg("status") = py::none())
      .def("goals", &goals)
      .def(
          "registers",
          [](const ServoEmulator& e, std::uint8_t id) { return bytes_of(e.registers(index_of(e, id))); },
          py::arg("servo_id"))
      .def(
          "poke",
          [](ServoEmulator& e, std::uint8_t id, std::uint16_t address, const std::string& data) {
            e.poke(index_of(e, id), address, as_bytes(data));
          },
          py::arg("servo_id"), py::arg("address"), py::arg("data"))
      .def("set_fault", &set_fault, py::arg("kind"), py::arg("servo_id") = py::none(), py::arg("period") = 1,
           py::arg("delay_s") = 0.02)
      .def("set_condition", &set_condition, py::arg("servo_id") = py::none(), py::kw_only(),
           py::arg("overload") = false, py::arg("overheat") = false, py::arg("sag_dv") = 0)
      .def(
          "table",
          [](const ServoEmulator& e, std::size_t place) { return bytes_of(e.registers(checked(e, place))); },
          py::arg("place"))
      .def(
          "program",
          [](ServoEmulator& e, std::size_t place, std::uint16_t address, const std::string& data) {
            e.program(checked(e, place), address, as_bytes(data));
          },
          py::arg("place"), py::arg("address"), py::arg("data"))
      .def(
          "connect", [](ServoEmulator& e, std::size_t place, bool on) { e.connect(checked(e, place), on); },
          py::arg("place"), py::arg("on"))
      .def("set_own_bauds", &ServoEmulator::set_own_bauds)
      .def("set_wire", &ServoEmulator::set_wire, py::arg("baud"))
      .def("set_baud", &ServoEmulator::set_baud, py::arg("baud"))
      .def(
          "unplug", [](ServoEmulator& e, std::uint8_t id) { e.unplug(index_of(e, id)); }, py::arg("servo_id"))
      .def("replug", &ServoEmulator::replug)
      .def(
          "power_cycle",
          [](ServoEmulator& e, std::optional<std::uint8_t> id) { e.power_cycle(index_or_all(e, id)); },
          py::arg("servo_id") = py::none())
      .def("stats", &ServoEmulator::stats)
      .def("close", &ServoEmulator::close, Release());
}

}  // namespace motorium
