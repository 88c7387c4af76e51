#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/joint_bus.hpp"
#include "runtime/control_core.hpp"

namespace motorium {

/// Returns the text for each value of an enum, in order, as `--json`, datasets and messages use them. Empty:
/// nothing to report.
template <class E>
struct Texts;

template <class E>
constexpr std::string_view text_of(E value) noexcept {
  return Texts<E>::all[static_cast<std::size_t>(value)];
}

template <>
struct Texts<Mode> {
  static constexpr std::array<std::string_view, 6> all{"idle",    "moving", "running",
                                                       "holding", "fault",  "released"};
};

template <>
struct Texts<Reason> {
  static constexpr std::array<std::string_view, 13> all{"",
                                                        "underflow",
                                                        "bus_errors",
                                                        "bus_closed",
                                                        "gate_tripped",
                                                        "parking",
                                                        "park_timed_out",
                                                        "protection",
                                                        "frozen",
                                                        "estop",
                                                        "position_jump",
                                                        "unplanned",
                                                        "unsupervised"};
};

template <>
struct Texts<MoveEnd> {
  static constexpr std::array<std::string_view, 15> all{
      "",           "arrived",  "missed", "unplanned", "cancelled", "held",    "bus_errors", "parked",
      "protection", "released", "estop",  "fault",     "replaced",  "refused", "ended"};
};

template <>
struct Texts<PushStatus> {
  static constexpr std::array<std::string_view, 7> all{
      "accepted", "late", "expired", "malformed", "out_of_range", "out_of_time", "not_running"};
};

template <>
struct Texts<RestPolicy> {
  static constexpr std::array<std::string_view, 3> all{"hold", "park", "release"};
};

template <>
struct Texts<LatencyReport::Setting> {
  static constexpr std::array<std::string_view, 3> all{"not_applicable", "low", "refused"};
};

/// A bit of a mask: its name in lower case, and the word for it in a message.
struct BitText {
  std::uint32_t bit = 0;
  std::string_view name;
  std::string_view word;
};

/// Why the gate clamped or refused a goal.
inline constexpr std::array kGateCauses{
    BitText{MTR_CAUSE_POSITION, "position", "position"},
    BitText{MTR_CAUSE_VELOCITY, "velocity", "velocity"},
    BitText{MTR_CAUSE_ACCELERATION, "acceleration", "acceleration"},
    BitText{MTR_CAUSE_EFFORT, "effort", "effort"},
    BitText{MTR_CAUSE_STALE_STATE, "stale_state", "stale joint state"},
    BitText{MTR_CAUSE_STALE_COMMAND, "stale_command", "stale command"},
    BitText{MTR_CAUSE_NOT_FINITE, "not_finite", "a number that is not finite"},
    BitText{MTR_CAUSE_NOT_ARMED, "not_armed", "not armed"},
};

/// What the guard sees or does at one joint.
inline constexpr std::array kGuardBits{
    BitText{MTR_GUARD_STALLED, "stalled", "stalled"},
    BitText{MTR_GUARD_OVERLOADED, "overloaded", "overloaded"},
    BitText{MTR_GUARD_WARM, "warm", "warm"},
    BitText{MTR_GUARD_DERATED, "derated", "derated"},
    BitText{MTR_GUARD_HOT, "hot", "hot"},
    BitText{MTR_GUARD_LOW_SUPPLY, "low_supply", "low supply"},
    BitText{MTR_GUARD_BAD_SUPPLY, "bad_supply", "bad supply"},
};

/// What happened in a control tick.
inline constexpr std::array kTickEvents{
    BitText{kEventStitch, "stitch", "stitch"},
    BitText{kEventLateChunk, "late_chunk", "late chunk"},
    BitText{kEventUnderflow, "underflow", "underflow"},
    BitText{kEventModeChange, "mode_change", "mode change"},
    BitText{kEventFallback, "fallback", "fallback"},
    BitText{kEventBadRead, "bad_read", "bad read"},
    BitText{kEventMissedTick, "missed_tick", "missed tick"},
    BitText{kEventEstop, "estop", "emergency stop"},
    BitText{kEventApproach, "approach", "approach"},
};

/// Who takes the torque when the program dies.
inline constexpr std::array kWatchedBy{
    BitText{static_cast<std::uint32_t>(WatchedBy::supervisor), "supervisor", "supervisor"},
    BitText{static_cast<std::uint32_t>(WatchedBy::servos), "servos", "servo watchdog"},
    BitText{static_cast<std::uint32_t>(WatchedBy::nobody), "nobody", "none"},
};

/// The words of the bits that are set, in the order of the table.
inline std::vector<std::string_view> words_of(std::span<const BitText> table, std::uint32_t bits) {
  std::vector<std::string_view> words;
  for (const BitText& one : table)
    if ((bits & one.bit) != 0) words.push_back(one.word);
  return words;
}

}  // namespace motorium
