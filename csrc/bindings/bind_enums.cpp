#include "bindings/enums.hpp"
#include "module.hpp"

namespace motorium {

void bind_enums(pybind11::module_& m) {
  bind_text_enum<Mode>(m, "Mode", "What an arm does.");
  bind_text_enum<Reason>(m, "Reason", "Why an arm is in its mode.");
  bind_text_enum<MoveEnd>(m, "MoveEnd", "How the last slew ended.");
  bind_text_enum<PushStatus>(m, "PushStatus", "What became of a chunk that was pushed.");
  bind_text_enum<RestPolicy>(m, "RestPolicy", "What an arm does by itself, without chunks or at the end.");
  bind_text_enum<LatencyReport::Setting>(m, "LatencySetting",
                                         "Whether a serial port hands on bytes as they arrive.");
  bind_number_enum<BusStatus>(m, "BusStatus", {"OK", "STALE_JOINTS", "IO_ERROR", "CLOSED"}, false,
                              "How an exchange with a chain of servos ended.");
  bind_number_enum<mtr_verdict>(m, "Verdict", {"PASS", "CLAMPED", "REFUSED", "TRIPPED"}, false,
                                "What the safety gate did with a goal.");
  bind_number_enum<mtr_guard_verdict>(m, "GuardVerdict", {"OK", "WARN", "ACT", "STOP"}, false,
                                      "What the servo guard found.");
  bind_number_enum<GateCauses>(m, "GateCauses",
                               {"POSITION", "VELOCITY", "ACCELERATION", "EFFORT", "STALE_STATE",
                                "STALE_COMMAND", "NOT_FINITE", "NOT_ARMED"},
                               true, "Why the gate clamped or refused a goal; bits, of all joints.");
  bind_number_enum<GuardBits>(m, "GuardBits",
                              {"STALLED", "OVERLOADED", "WARM", "DERATED", "HOT", "LOW_SUPPLY", "BAD_SUPPLY"},
                              true, "What the guard sees or does at one joint; bits.");
  bind_number_enum<TickEvents>(m, "TickEvents",
                               {"STITCH", "LATE_CHUNK", "UNDERFLOW", "MODE_CHANGE", "FALLBACK", "BAD_READ",
                                "MISSED_TICK", "ESTOP", "APPROACH"},
                               true, "What happened in a control tick; bits.");
}

}  // namespace motorium
