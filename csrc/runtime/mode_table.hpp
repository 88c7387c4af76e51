#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace motorium {

/// The core's state as other threads see it.
enum class Mode : std::uint8_t {
  idle,     ///< Torque off, never enabled.
  moving,   ///< Slew to a joint pose (ramp, homing, parking).
  running,  ///< Following chunks.
  holding,  ///< Standing still under torque, ready for chunks.
  fault,    ///< Gate tripped or bus dead; the last good goal is held if possible.
  released  ///< Torque off after it was on.
};

/// Why the mode is what it is.
enum class Reason : std::uint8_t {
  none,
  underflow,
  bus_errors,
  bus_closed,
  gate_tripped,
  parking,
  park_timed_out,
  protection,     ///< A servo is too hot or its supply is bad; the arm goes to rest.
  frozen,         ///< The control thread hung for so long that the supervisor took the torque.
  estop,          ///< Somebody pressed a stop; latched until reset_estop.
  position_jump,  ///< A joint cannot be where it reads; no torque until that is accepted.
  unplanned,      ///< No bounded motion to the source could be computed; the arm holds.
  unsupervised    ///< The supervisor is gone; the arm goes to rest and stays there.
};

/// How the last `move_to` ended.
enum class MoveEnd : std::uint8_t {
  none,       ///< It has not ended, or there was none.
  arrived,    ///< Every joint was measured at its goal, or is a gripper that holds something.
  missed,     ///< Time ran out with a joint elsewhere: see `arrival`.
  unplanned,  ///< No such motion can be computed.
  cancelled,  ///< Its caller no longer waits for it.
  held,
  bus_errors,  ///< The servos were silent for a moment; the arm holds.
  parked,
  protection,
  released,
  estop,
  fault,
  replaced,  ///< Another `move_to` came. Found by ticket, like the next two; never in a snapshot.
  refused,   ///< The mode allowed no motion.
  ended      ///< The control thread is gone.
};

/// The core's complete state; mode, torque and the emergency stop's latch follow from it.
enum class State : std::uint8_t {
  idle,
  released,
  holding,
  running,
  moving,
  parking,
  fault,        ///< With torque; the arm holds.
  fault_off,    ///< Without torque.
  stopped,      ///< Emergency stop, torque still on.
  stopped_off,  ///< Emergency stop, torque off.
};
inline constexpr std::size_t kStates = 10;

/// Events that can change the state.
enum class ModeEvent : std::uint8_t {
  enabled,          ///< Armed at the measured position.
  move,             ///< A slew was requested.
  hold,             ///< `reason`: none, bus_errors, unplanned.
  park,             ///< `reason`: parking.
  protect,          ///< The guard asks for rest.
  lose_supervisor,  ///< The supervisor is gone; rest until reconnected.
  release,          ///< Torque off; `reason`: park_timed_out, or none.
  fault,            ///< `reason` says which.
  torque_refused,   ///< Follows `fault`: the servos took no torque.
  estop,
  reset_estop,
  accept_position,
  reconnected,
  arrived,      ///< The slew was judged.
  unplanned,    ///< The slew has no profile.
  unreachable,  ///< No transition leads to the source; every source is dropped.
  followed,     ///< A plan or a stream gave this tick's setpoint.
  plan_ended,   ///< A final plan ended.
  underflow,    ///< No new plan came in time.
  stream_lost   ///< The leader gave no goal for this tick.
};
inline constexpr std::size_t kModeEvents = 20;

/// What the core does on a change of state; bits.
enum ModeAction : std::uint16_t {
  kNewEpoch = 1u << 0,        ///< Voids earlier plans and streams.
  kStartPark = 1u << 1,       ///< Slew to the rest pose; its time-out starts now.
  kRearm = 1u << 2,           ///< Restart the gate at the measured position.
  kDropSlew = 1u << 3,        ///< Drop a slew that has not started.
  kDropEnable = 1u << 4,      ///< Drop a pending enable.
  kComeToRest = 1u << 5,      ///< Stop within the limits of a transition.
  kFreezeSetpoint = 1u << 6,  ///< Stop at once, where the gate's goal is.
  kFreezeGoal = 1u << 7,      ///< Stop setpoint and gate at once: nothing moves any more.
  kTorqueOff = 1u << 8,       ///< Ask the bus for torque off.
  kForgetTorque = 1u << 9     ///< Drop pending torque requests.
};

/// Which reason the new state gets.
enum class ReasonRule : std::uint8_t {
  none,
  given,         ///< The event's reason.
  kept,          ///< The old reason.
  at_rest,       ///< None, or unsupervised.
  after_release  ///< The event's; else the one that explains a park; else as at_rest.
};

/// An entry of the table.
struct ModeStep {
  State next = State::idle;
  ReasonRule reason = ReasonRule::kept;
  std::uint16_t actions = 0;
  bool taken = false;  ///< False: the event means nothing in this state.
};

using ModeTable = std::array<std::array<ModeStep, kStates>, kModeEvents>;
extern const ModeTable kModeTable;  ///< [event][state]

constexpr Mode mode_of(State state) noexcept {
  constexpr Mode kModes[kStates] = {Mode::idle,   Mode::released, Mode::holding, Mode::running, Mode::moving,
                                    Mode::moving, Mode::fault,    Mode::fault,   Mode::fault,   Mode::fault};
  return kModes[static_cast<std::size_t>(state)];
}
constexpr bool has_torque(State state) noexcept {
  return state != State::idle && state != State::released && state != State::fault_off &&
         state != State::stopped_off;
}
constexpr bool is_estop(State state) noexcept {
  return state == State::stopped || state == State::stopped_off;
}
/// Whether chunks and streams are followed.
constexpr bool is_ready(State state) noexcept { return state == State::holding || state == State::running; }

/// How `event` ends a move that is under way; after `arrived`, the report decides.
MoveEnd move_end_of(ModeEvent event, Reason reason) noexcept;

/// Holds the state, and is the only way to change it.
class ModeMachine {
 public:
  /// Applies an event and returns the step taken; `taken` is false, and nothing changed, where the event
  /// means nothing in this state.
  ModeStep apply(ModeEvent event, Reason reason = Reason::none) noexcept;

  State state() const noexcept { return state_; }
  Mode mode() const noexcept { return mode_of(state_); }
  Reason reason() const noexcept { return reason_; }
  bool torque() const noexcept { return has_torque(state_); }
  bool estop() const noexcept { return is_estop(state_); }
  bool unsupervised() const noexcept { return unsupervised_; }

 private:
  Reason reason_after(ReasonRule rule, Reason given) const noexcept;

  State state_ = State::idle;
  Reason reason_ = Reason::none;
  bool unsupervised_ = false;  // from lose_supervisor until reconnected
};

}  // namespace motorium
