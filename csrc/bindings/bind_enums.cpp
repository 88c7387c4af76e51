#include <pybind11/stl.h>

#include <span>

#include "bindings/enums.hpp"
#include "module.hpp"

namespace motorium {
namespace {

template <class E>
void bind_words(pybind11::module_& m, std::span<const BitText> table) {
  m.def(
      "words_of", [table](E bits) { return words_of(table, static_cast<std::uint32_t>(bits)); },
      pybind11::arg("bits"));
}

/// Makes a `TextFlag` of the bits of `table`: files and `--json` use its words.
template <class E>
void bind_text_bits(pybind11::module_& m, const char* name, std::span<const BitText> table, const char* doc) {
  pybind11::list pairs;
  pybind11::dict words;
  for (const BitText& one : table) {
    pairs.append(pybind11::make_tuple(capitals(one.name), one.bit));
    words[pybind11::int_(one.bit)] = std::string(one.word);
  }
  const pybind11::object kind = python_enum(m, "TextFlag", name, pairs, doc);
  kind.attr("_words") = words;
  PyEnum<E>::kind = pybind11::object(kind).release().ptr();
}

void bind_file_problems(pybind11::module_& m) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(kLastFileProblem); ++i)
    names.push_back(capitals(name_of(static_cast<FileProblem>(i))));
  std::vector<const char*> members;
  for (const std::string& one : names) members.push_back(one.c_str());
  bind_number_enum<FileProblem>(m, "FileProblem", members,
                                "Every way in which the bytes of a compiled robot can be wrong.");
}

}  // namespace

void bind_enums(pybind11::module_& m) {
  bind_text_enum<Mode>(m, "Mode", "What an arm does.");
  bind_text_enum<Reason>(m, "Reason", "Why an arm is in its mode.");
  bind_text_enum<MoveEnd>(m, "MoveEnd", "How the last slew ended.");
  bind_text_enum<PushStatus>(m, "PushStatus", "What became of a chunk that was pushed.");
  bind_text_enum<RestPolicy>(m, "RestPolicy", "What an arm does by itself, without chunks or at the end.");
  bind_text_enum<LatencyReport::Setting>(m, "LatencySetting",
                                         "Whether a serial port hands on bytes as they arrive.");
  bind_text_enum<SettingTrouble>(m, "SettingTrouble", "Why a register of a servo is not as it was to be.");
  bind_file_problems(m);
  bind_number_enum<BusStatus>(m, "BusStatus", {"OK", "STALE_JOINTS", "IO_ERROR", "CLOSED"},
                              "How an exchange with a chain of servos ended.");
  bind_number_enum<mtr_verdict>(m, "Verdict", {"PASS", "CLAMPED", "REFUSED", "TRIPPED"},
                                "What the safety gate did with a goal.");
  bind_number_enum<mtr_guard_verdict>(m, "GuardVerdict", {"OK", "WARN", "ACT", "STOP"},
                                      "What the servo guard found.");
  bind_text_bits<WatchedBy>(m, "WatchedBy", kWatchedBy, "Who takes the torque when the program dies; bits.");
  bind_bits<GateCauses>(m, "GateCauses", kGateCauses,
                        "Why the gate clamped or refused a goal; bits, of all joints.");
  bind_bits<GuardBits>(m, "GuardBits", kGuardBits, "What the guard sees or does at one joint; bits.");
  bind_bits<TickEvents>(m, "TickEvents", kTickEvents, "What happened in a control tick; bits.");
  bind_words<GateCauses>(m, kGateCauses);
  bind_words<GuardBits>(m, kGuardBits);
}

}  // namespace motorium
