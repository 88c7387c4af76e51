// Prints the mode table, one line per event and state, and every state with every reason that any order of
// events leads to. Read by tests/runtime/test_mode_table.py.

#include <cstdio>
#include <set>
#include <tuple>
#include <vector>

#include "runtime/mode_table.hpp"

using namespace motorium;

namespace {

constexpr int kReasons = static_cast<int>(Reason::unsupervised) + 1;

void print_table() {
  for (std::size_t event = 0; event < kModeEvents; ++event) {
    for (std::size_t state = 0; state < kStates; ++state) {
      const ModeStep& step = kModeTable[event][state];
      std::printf("step %zu %zu %d %d %d %d\n", event, state, static_cast<int>(step.taken),
                  static_cast<int>(step.next), static_cast<int>(step.reason), static_cast<int>(step.actions));
    }
    for (int reason = 0; reason < kReasons; ++reason) {
      const MoveEnd end = move_end_of(static_cast<ModeEvent>(event), static_cast<Reason>(reason));
      std::printf("end %zu %d %d\n", event, reason, static_cast<int>(end));
    }
  }
  for (std::size_t state = 0; state < kStates; ++state) {
    const auto s = static_cast<State>(state);
    std::printf("state %zu %d %d %d\n", state, static_cast<int>(mode_of(s)), static_cast<int>(has_torque(s)),
                static_cast<int>(is_estop(s)));
  }
}

/// What `event` may be told as its reason: as the core and the control thread do.
std::vector<Reason> given(ModeEvent event) {
  switch (event) {
    case ModeEvent::hold:
      return {Reason::none, Reason::bus_errors, Reason::unplanned};
    case ModeEvent::park:
      return {Reason::parking};
    case ModeEvent::protect:
      return {Reason::protection};
    case ModeEvent::lose_supervisor:
      return {Reason::unsupervised};
    case ModeEvent::release:
      return {Reason::none, Reason::park_timed_out};
    case ModeEvent::fault:
      return {Reason::bus_errors, Reason::bus_closed, Reason::gate_tripped, Reason::frozen,
              Reason::position_jump};
    case ModeEvent::estop:
      return {Reason::estop};
    case ModeEvent::unplanned:
    case ModeEvent::unreachable:
      return {Reason::unplanned};
    case ModeEvent::underflow:
    case ModeEvent::stream_lost:
      return {Reason::underflow};
    default:
      return {Reason::none};
  }
}

void print_reached() {
  const auto key = [](const ModeMachine& m) { return std::tuple(m.state(), m.reason(), m.unsupervised()); };
  std::set<std::tuple<State, Reason, bool>> seen{key(ModeMachine{})};
  std::vector<ModeMachine> waiting{ModeMachine{}};
  while (!waiting.empty()) {
    const ModeMachine from = waiting.back();
    waiting.pop_back();
    for (std::size_t event = 0; event < kModeEvents; ++event) {
      for (const Reason reason : given(static_cast<ModeEvent>(event))) {
        ModeMachine next = from;
        next.apply(static_cast<ModeEvent>(event), reason);
        if (seen.insert(key(next)).second) waiting.push_back(next);
      }
    }
  }
  for (const auto& [state, reason, unsupervised] : seen)
    std::printf("reached %d %d %d\n", static_cast<int>(state), static_cast<int>(reason),
                static_cast<int>(unsupervised));
}

}  // namespace

int main() {
  print_table();
  print_reached();
  return 0;
}
