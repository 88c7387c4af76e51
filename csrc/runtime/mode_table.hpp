#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace motorium {

/// What other threads are told of the core's state.
enum class Mode : std::uint8_t {
  idle,     ///< Torque off, never enabled.
  moving,   ///< Slew to a joint pose (ramp, homing, parking).
  running,  ///< Following chunks.
  holding,  ///< Standing still with torque, ready for chunks.
  fault,    ///< Gate tripped or bus dead; the last good goal is held where possible.
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
  protection,     ///< A servo is too hot or badly supplied: the arm is brought to rest.
  frozen,         ///< The control thread stood still for so long that the supervisor took the torque.
  estop,          ///< Somebody pressed a stop; latched until reset_estop.
  position_jump,  ///< A joint reads another place than where it can be: no torque until that is accepted.
  unplanned,      ///< No bounded motion could be computed to where the source is: the arm holds.
  unsupervised    ///< The supervisor is gone: the arm is brought to rest, and stays there.
};

/// How the last `move_to` ended.
enum class MoveEnd : std::uint8_t {
  none,       ///< It has not, or there was none.
  arrived,    ///< Every joint was measured at its goal, or is a gripper that holds something.
  missed,     ///< Its time is over and a joint is elsewhere: see `arrival`.
  unplanned,  ///< No such motion can be computed.
  cancelled,  ///< By its caller, who no longer waits for it.
  held,
  bus_errors,  ///< Nothing was heard of the servos for a moment: the arm holds.
  parked,
  protection,
  released,
  estop,
  fault,
  replaced,  ///< By another `move_to`. Told by tickets, as the next two; never in a snapshot.
  refused,   ///< The arm was in no mode to move.
  ended      ///< The control thread is gone.
};

/// The core's state in full. Mode, torque and the emergency stop's latch follow from it.
enum class State : std::uint8_t {
  idle,
  released,
  holding,
  running,
  moving,
  parking,
  fault,        ///< With torque: the arm holds.
  fault_off,    ///< Without.
  stopped,      ///< Emergency stop, torque still on.
  stopped_off,  ///< Emergency stop, torque off.
};
inline constexpr std::size_t kStates = 10;

/// Whatever can change the state.
enum class ModeEvent : std::uint8_t {
  enabled,          ///< Armed on the measured position.
  move,             ///< A slew is asked for.
  hold,             ///< `reason`: none, bus_errors, unplanned.
  park,             ///< `reason`: parking.
  protect,          ///< The guard asks for rest.
  lose_supervisor,  ///< Rest for as long as nobody supervises.
  release,          ///< Torque off; `reason`: park_timed_out, or none.
  fault,            ///< `reason` says which.
  torque_refused,   ///< Follows `fault`: the servos have no torque.
  estop,
  reset_estop,
  accept_position,
  reconnected,
  arrived,      ///< The slew was judged.
  unplanned,    ///< The slew has no profile.
  unreachable,  ///< No transition leads to the source: everything followed is dropped.
  followed,     ///< A plan or a stream gave the setpoint of this tick.
  plan_ended,   ///< As announced.
  underflow,    ///< Nothing came in time.
  stream_lost   ///< Nor did the leader's goal of this tick.
};
inline constexpr std::size_t kModeEvents = 20;

/// What the core does on a change of state; bits.
enum ModeAction : std::uint16_t {
  kNewEpoch = 1u << 0,        ///< Plans and streams of before are void.
  kStartPark = 1u << 1,       ///< To the rest pose; its time runs from here.
  kRearm = 1u << 2,           ///< The gate starts anew from the measured position.
  kDropSlew = 1u << 3,        ///< A slew that has not begun never does.
  kDropEnable = 1u << 4,      ///< So does an enable.
  kComeToRest = 1u << 5,      ///< Within the bounds of a transition.
  kFreezeSetpoint = 1u << 6,  ///< At once, where the gate's goal is.
  kFreezeGoal = 1u << 7,      ///< At once, and the gate with it: nothing moves any more.
  kTorqueOff = 1u << 8,       ///< Asked of the bus.
  kForgetTorque = 1u << 9     ///< What was asked of the bus before is void.
};

/// Where the reason of the new state comes from.
enum class ReasonRule : std::uint8_t {
  none,
  given,         ///< The event's.
  kept,          ///< The old one.
  at_rest,       ///< None, or that nobody supervises.
  after_release  ///< The event's; else one that tells why the arm was parked; else as at_rest.
};

/// One entry of the table.
struct ModeStep {
  State next = State::idle;
  ReasonRule reason = ReasonRule::kept;
  std::uint16_t actions = 0;
  bool taken = false;  ///< False: in this state the event means nothing.
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
/// Where chunks and streams are followed.
constexpr bool is_ready(State state) noexcept { return state == State::holding || state == State::running; }

/// How a move ends that `event` takes the arm from. `arrived` says it by its report.
MoveEnd move_end_of(ModeEvent event, Reason reason) noexcept;

/// The state, and the only way to change it.
class ModeMachine {
 public:
  /// Looks the event up. The step that was taken; `taken` is false, and nothing has changed, where it means
  /// nothing here.
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
