#include "robot/requests.hpp"

#include <chrono>
#include <stdexcept>

#include "io/bus_error.hpp"
#include "robot/waiting.hpp"

namespace motorium {
namespace {

constexpr double kTakenS = 0.25;      // the control thread takes requests every tick
constexpr double kRetryPortS = 0.25;  // between tries to open a missing port

/// Calls `done(core, loop)` with a loop snapshot taken before the core's, so that the core shows all the loop
/// has done.
template <class Done>
bool wait_for(const ControlLoop& control, double timeout_s, const Interrupt& interrupt, Done done) {
  return wait_until(timeout_s, interrupt, [&] {
    const LoopSnapshot loop = control.loop_snapshot();
    return done(control.core_snapshot(), loop);
  });
}

bool over(const LoopSnapshot& loop, std::uint64_t ticket) {
  return !loop.alive || loop.requests_done >= ticket;
}

bool wait_until_taken(const ControlLoop& loop, std::uint64_t ticket, const Interrupt& interrupt) {
  return wait_for(loop, kTakenS, interrupt,
                  [ticket](const CoreSnapshot&, const LoopSnapshot& now) { return over(now, ticket); });
}

/// Returns false when the request was withdrawn.
bool taken_or_withdrawn(ControlLoop& loop, std::uint64_t ticket, const Interrupt& interrupt) {
  bool taken = false;
  try {
    taken = wait_until_taken(loop, ticket, interrupt);
  } catch (...) {
    loop.withdraw(ticket);
    throw;
  }
  return ticket != 0 && (taken || !loop.withdraw(ticket));
}

}  // namespace

bool enable(ControlLoop& loop, double timeout_s, const Interrupt& interrupt) {
  const std::uint64_t ticket = loop.enable();
  bool confirmed = false;
  try {
    confirmed =
        wait_for(loop, timeout_s, interrupt, [ticket](const CoreSnapshot& core, const LoopSnapshot& now) {
          return over(now, ticket) &&
                 ((core.torque && now.torque_confirmed) || core.mode == Mode::fault || !now.alive);
        });
  } catch (...) {
    loop.withdraw(ticket);
    loop.release();
    throw;
  }
  if (!confirmed) {
    loop.withdraw(ticket);
    release(loop, interrupt);
  }
  const CoreSnapshot core = loop.core_snapshot();
  return core.torque && core.mode != Mode::fault && core.reason != Reason::parking;
}

MoveEnd slew(ControlLoop& loop, const PerJoint<float>& target_rad, float fraction, double timeout_s,
             const Interrupt& interrupt) {
  const std::uint64_t ticket = loop.move_to(target_rad, fraction);
  if (ticket == 0) return MoveEnd::refused;
  bool in_time = false;
  try {
    in_time =
        wait_for(loop, timeout_s, interrupt, [ticket](const CoreSnapshot& core, const LoopSnapshot& now) {
          return over(now, ticket) &&
                 (core.move_ticket != ticket || core.move_end != MoveEnd::none || !now.alive);
        });
  } catch (...) {
    loop.cancel_move(ticket);  // queued after the move, if that still waits, so the arm holds
    throw;
  }
  if (!in_time) wait_until_taken(loop, loop.cancel_move(ticket), interrupt);
  const CoreSnapshot core = loop.core_snapshot();
  if (core.move_ticket > ticket) return MoveEnd::replaced;
  if (core.move_ticket < ticket) return MoveEnd::refused;
  return core.move_end == MoveEnd::none ? MoveEnd::ended : core.move_end;
}

bool park(ControlLoop& loop, double timeout_s, const Interrupt& interrupt) {
  const CoreSnapshot before = loop.core_snapshot();
  const std::uint64_t ticket = loop.park();
  wait_for(loop, timeout_s, interrupt, [ticket](const CoreSnapshot& core, const LoopSnapshot& now) {
    return over(now, ticket) && core.mode != Mode::moving;
  });
  const CoreSnapshot core = loop.core_snapshot();
  const bool arrived = !before.torque || core.moves_done > before.moves_done;
  return core.mode == Mode::released && core.reason != Reason::park_timed_out && arrived;
}

void hold(ControlLoop& loop, const Interrupt& interrupt) { wait_until_taken(loop, loop.hold(), interrupt); }

void release(ControlLoop& loop, const Interrupt& interrupt) {
  wait_until_taken(loop, loop.release(), interrupt);
}

void estop(ControlLoop& loop, const Interrupt& interrupt) {
  loop.estop();
  wait_for(loop, kTakenS, interrupt,
           [](const CoreSnapshot& core, const LoopSnapshot& now) { return core.estop || !now.alive; });
}

bool reset_estop(ControlLoop& loop, double timeout_s, const Interrupt& interrupt) {
  wait_for(loop, timeout_s, interrupt, [](const CoreSnapshot& core, const LoopSnapshot& now) {
    return (!core.torque && !now.torque_on) || !now.alive;
  });
  taken_or_withdrawn(loop, loop.reset_estop(), interrupt);
  return !loop.core_snapshot().estop;
}

bool accept_position(ControlLoop& loop, const Interrupt& interrupt) {
  return taken_or_withdrawn(loop, loop.accept_position(), interrupt);
}

void reconnect(ControlLoop& loop, const std::function<std::unique_ptr<JointBus>()>& open, double timeout_s,
               const Interrupt& interrupt) {
  const auto open_for_caller = [&] {
    std::unique_ptr<JointBus> bus = open();
    check(interrupt);  // opening takes seconds; the caller may have been interrupted
    return bus;
  };
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  for (;;) {
    check(interrupt);
    const bool last_try = !(std::chrono::duration<double>(Clock::now() - begin).count() < timeout_s);
    try {
      loop.reconnect(open_for_caller);
      return;
    } catch (const BusError&) {
      if (last_try) throw;
    }
    wait_until(kRetryPortS, interrupt, [] { return false; });
  }
}

}  // namespace motorium
