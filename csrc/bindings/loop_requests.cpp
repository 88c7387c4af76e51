#include <chrono>
#include <thread>

#include "bindings/loop_requests.hpp"

namespace py = pybind11;

namespace motorium {
namespace {

constexpr double kTakenS = 0.25;       // the control thread takes requests every tick
constexpr double kLongestWaitS = 1e6;  // and what is no number at all

/// Waits, without the GIL, until `done(core, loop)` or the time-out; Python's signal handlers run meanwhile.
template <class Done>
bool wait_until(const BoundLoop& bound, double timeout_s, Done done) {
  using Clock = std::chrono::steady_clock;
  const auto give_up =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                         timeout_s < kLongestWaitS ? timeout_s : kLongestWaitS));
  for (int round = 0;; ++round) {
    const LoopSnapshot loop = bound.loop.loop_snapshot();  // first: what it has done, the core's shows
    if (done(bound.loop.core_snapshot(), loop)) return true;
    if (Clock::now() >= give_up) return false;
    if (round % 10 == 9 && PyErr_CheckSignals() != 0) throw py::error_already_set();
    const py::gil_scoped_release release;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

bool over(const LoopSnapshot& loop, std::uint64_t ticket) {
  return !loop.alive || loop.requests_done >= ticket;
}

/// Requests without an outcome return when the control thread has taken them, a tick later at most.
void taken(const BoundLoop& bound, std::uint64_t ticket) {
  wait_until(bound, kTakenS,
             [ticket](const CoreSnapshot&, const LoopSnapshot& loop) { return over(loop, ticket); });
}

}  // namespace

/// Who gives up, or is interrupted, must not leave a wish behind that comes true later.
bool enable(BoundLoop& bound, double timeout_s) {
  const std::uint64_t ticket = bound.loop.enable();
  bool confirmed = false;
  try {
    confirmed = wait_until(bound, timeout_s, [ticket](const CoreSnapshot& core, const LoopSnapshot& loop) {
      return over(loop, ticket) &&
             ((core.torque && loop.torque_confirmed) || core.mode == Mode::fault || !loop.alive);
    });
  } catch (...) {
    bound.loop.release();
    throw;
  }
  if (!confirmed) release(bound);
  const CoreSnapshot core = bound.loop.core_snapshot();
  return core.torque && core.mode != Mode::fault;
}

/// Who gives up, or is interrupted, leaves no arm behind that moves on.
MoveEnd slew(BoundLoop& bound, const FloatArray& q, std::optional<double> share, double timeout_s) {
  const float fraction = checked_share(share, bound.loop.config());
  const std::uint64_t ticket = bound.loop.move_to(pose(q, bound.loop.joints()), fraction);
  if (ticket == 0) return MoveEnd::refused;
  const auto ended = [ticket](const CoreSnapshot& core, const LoopSnapshot& loop) {
    return over(loop, ticket) &&
           (core.move_ticket != ticket || core.move_end != MoveEnd::none || !loop.alive);
  };
  bool in_time = false;
  try {
    in_time = wait_until(bound, timeout_s, ended);
  } catch (const py::error_already_set&) {
    bound.loop.cancel_move(ticket);
    throw;
  }
  if (!in_time)
    wait_until(bound, kTakenS,
               [cancel = bound.loop.cancel_move(ticket)](const CoreSnapshot&, const LoopSnapshot& loop) {
                 return over(loop, cancel);
               });
  const CoreSnapshot core = bound.loop.core_snapshot();
  if (core.move_ticket > ticket) return MoveEnd::replaced;
  if (core.move_ticket < ticket) return MoveEnd::refused;
  return core.move_end == MoveEnd::none ? MoveEnd::ended : core.move_end;
}

bool move_to(BoundLoop& bound, const FloatArray& q, std::optional<double> share, double timeout_s) {
  if (timeout_s > 0.0) return slew(bound, q, share, timeout_s) == MoveEnd::arrived;
  return bound.loop.move_to(pose(q, bound.loop.joints()), checked_share(share, bound.loop.config())) != 0;
}

bool park(BoundLoop& bound, double timeout_s) {
  const std::uint64_t ticket = bound.loop.park();
  wait_until(bound, timeout_s, [ticket](const CoreSnapshot& core, const LoopSnapshot& loop) {
    return over(loop, ticket) && core.mode != Mode::moving;
  });
  const CoreSnapshot core = bound.loop.core_snapshot();
  return core.mode == Mode::released && core.reason != Reason::park_timed_out;
}

void hold(BoundLoop& bound) { taken(bound, bound.loop.hold()); }

void release(BoundLoop& bound) { taken(bound, bound.loop.release()); }

void accept_position(BoundLoop& bound) { taken(bound, bound.loop.accept_position()); }

void estop(BoundLoop& bound) {
  bound.loop.estop();
  wait_until(bound, kTakenS,
             [](const CoreSnapshot& core, const LoopSnapshot& loop) { return core.estop || !loop.alive; });
}

bool reset_estop(BoundLoop& bound, double timeout_s) {
  wait_until(bound, timeout_s, [](const CoreSnapshot& core, const LoopSnapshot& loop) {
    return (!core.torque && !loop.torque_on) || !loop.alive;
  });
  taken(bound, bound.loop.reset_estop());
  return !bound.loop.core_snapshot().estop;
}

}  // namespace motorium
