#pragma once

#include <array>
#include <string>
#include <string_view>

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

/// Names who takes the torque when the program dies; a mixture names all that apply.
inline std::string text_of(WatchedBy watched) {
  std::string text;
  const auto add = [&](WatchedBy one, std::string_view word) {
    if (has(watched, one)) text.append(text.empty() ? "" : ", ").append(word);
  };
  add(WatchedBy::supervisor, "supervisor");
  add(WatchedBy::servos, "servo watchdog");
  add(WatchedBy::nobody, "none");
  return text;
}

}  // namespace motorium
