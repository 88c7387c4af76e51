#include "runtime/mode_table.hpp"

namespace motorium {
namespace {

using enum State;
using Row = std::array<ModeStep, kStates>;

constexpr ModeStep kIgnored{};

constexpr ModeStep to(State next, ReasonRule reason, unsigned actions = 0) noexcept {
  return {next, reason, static_cast<std::uint16_t>(actions), true};
}

constexpr unsigned kStop = kNewEpoch | kDropSlew | kComeToRest;
constexpr unsigned kPark = kNewEpoch | kDropEnable | kStartPark;
constexpr unsigned kRelease = kNewEpoch | kDropSlew | kDropEnable | kTorqueOff;
constexpr unsigned kFail = kNewEpoch | kDropSlew | kDropEnable | kFreezeSetpoint;
constexpr unsigned kHalt = kNewEpoch | kDropSlew | kDropEnable | kFreezeGoal;
constexpr unsigned kForget = kNewEpoch | kDropSlew | kDropEnable | kForgetTorque;

constexpr ModeStep kArmed = to(holding, ReasonRule::none, kNewEpoch | kDropEnable);
constexpr ModeStep kMoves = to(moving, ReasonRule::none, kNewEpoch);
constexpr ModeStep kHolds = to(holding, ReasonRule::given, kStop);
constexpr ModeStep kTorqueless = to(released, ReasonRule::at_rest, kDropEnable);
constexpr ModeStep kParks = to(parking, ReasonRule::given, kPark);
constexpr ModeStep kParksFault = to(parking, ReasonRule::given, kPark | kRearm);
constexpr ModeStep kReleased = to(released, ReasonRule::after_release, kRelease);
constexpr ModeStep kStoppedOff = to(stopped_off, ReasonRule::kept, kRelease);
constexpr ModeStep kFails = to(fault, ReasonRule::given, kFail);
constexpr ModeStep kFailsOff = to(fault_off, ReasonRule::given, kFail);
constexpr ModeStep kHalts = to(stopped, ReasonRule::given, kHalt);
constexpr ModeStep kHaltsOff = to(stopped_off, ReasonRule::given, kHalt);
constexpr ModeStep kNewBus = to(released, ReasonRule::none, kForget);
constexpr ModeStep kNewBusStopped = to(stopped_off, ReasonRule::kept, kForget);
constexpr ModeStep kNoWayTo = to(holding, ReasonRule::given);
constexpr ModeStep kNoWayToRest = to(released, ReasonRule::at_rest, kRelease);
constexpr ModeStep kDropsAll = to(holding, ReasonRule::given, kNewEpoch | kFreezeSetpoint);

}  // namespace

// clang-format off
constexpr ModeTable kModeTable = {{
  //                     idle         released     holding    running    moving     parking       fault        fault_off    stopped         stopped_off
  /* enabled */      Row{kArmed,      kArmed,      kIgnored,  kIgnored,  kIgnored,  kIgnored,     kIgnored,    kArmed,      kIgnored,       kIgnored},
  /* move */         Row{kIgnored,    kIgnored,    kMoves,    kMoves,    kMoves,    kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* hold */         Row{kIgnored,    kIgnored,    kHolds,    kHolds,    kHolds,    kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* park */         Row{kTorqueless, kTorqueless, kParks,    kParks,    kParks,    to(parking, ReasonRule::kept, kDropEnable),
                                                                                                  kParksFault, kTorqueless, kIgnored,       kIgnored},
  /* protect */      Row{kIgnored,    kIgnored,    kParks,    kParks,    kParks,    kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* lose_superv. */ Row{kTorqueless, kTorqueless, kParks,    kParks,    kParks,    to(parking, ReasonRule::given, kDropEnable),
                                                                                                  kParksFault, kTorqueless, kIgnored,       kIgnored},
  /* release */      Row{kReleased,   kReleased,   kReleased, kReleased, kReleased, kReleased,    kReleased,   kReleased,   kStoppedOff,    kStoppedOff},
  /* fault */        Row{kFailsOff,   kFailsOff,   kFails,    kFails,    kFails,    kFails,       kFails,      kFailsOff,   kIgnored,       kIgnored},
  /* torque_ref. */  Row{kIgnored,    kIgnored,    kIgnored,  kIgnored,  kIgnored,  kIgnored,     to(fault_off, ReasonRule::kept),
                                                                                                               kIgnored,    to(stopped_off, ReasonRule::kept),
                                                                                                                                            kIgnored},
  /* estop */        Row{kHaltsOff,   kHaltsOff,   kHalts,    kHalts,    kHalts,    kHalts,       kHalts,      kHaltsOff,   kIgnored,       kIgnored},
  /* reset_estop */  Row{kIgnored,    kIgnored,    kIgnored,  kIgnored,  kIgnored,  kIgnored,     kIgnored,    kIgnored,    kIgnored,       to(released, ReasonRule::at_rest)},
  /* accept_pos. */  Row{kIgnored,    kIgnored,    kIgnored,  kIgnored,  kIgnored,  kIgnored,     kIgnored,    to(released, ReasonRule::at_rest),
                                                                                                                            kIgnored,       kIgnored},
  /* reconnected */  Row{kNewBus,     kNewBus,     kNewBus,   kNewBus,   kNewBus,   kNewBus,      kNewBus,     kNewBus,     kNewBusStopped, kNewBusStopped},
  /* arrived */      Row{kIgnored,    kIgnored,    kIgnored,  kIgnored,  to(holding, ReasonRule::none),
                                                                                    kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* unplanned */    Row{kIgnored,    kIgnored,    kIgnored,  kIgnored,  kNoWayTo,  kNoWayToRest, kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* unreachable */  Row{kIgnored,    kIgnored,    kDropsAll, kDropsAll, kDropsAll, kNoWayToRest, kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* followed */     Row{kIgnored,    kIgnored,    to(running, ReasonRule::none),
                                                              to(running, ReasonRule::none),
                                                                         kIgnored,  kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* plan_ended */   Row{kIgnored,    kIgnored,    to(holding, ReasonRule::none),
                                                              to(holding, ReasonRule::none),
                                                                         kIgnored,  kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* underflow */    Row{kIgnored,    kIgnored,    to(holding, ReasonRule::given),
                                                              to(holding, ReasonRule::given),
                                                                         kIgnored,  kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
  /* stream_lost */  Row{kIgnored,    kIgnored,    kIgnored,  to(holding, ReasonRule::given, kNewEpoch | kComeToRest),
                                                                         kIgnored,  kIgnored,     kIgnored,    kIgnored,    kIgnored,       kIgnored},
}};
// clang-format on

MoveEnd move_end_of(ModeEvent event, Reason reason) noexcept {
  switch (event) {
    case ModeEvent::hold:
      if (reason == Reason::unplanned) return MoveEnd::unplanned;
      return reason == Reason::bus_errors ? MoveEnd::bus_errors : MoveEnd::held;
    case ModeEvent::park:
    case ModeEvent::lose_supervisor:
      return MoveEnd::parked;
    case ModeEvent::protect:
      return MoveEnd::protection;
    case ModeEvent::release:
    case ModeEvent::reconnected:
      return MoveEnd::released;
    case ModeEvent::fault:
      return MoveEnd::fault;
    case ModeEvent::estop:
      return MoveEnd::estop;
    case ModeEvent::arrived:
      return MoveEnd::arrived;
    case ModeEvent::unplanned:
    case ModeEvent::unreachable:
      return MoveEnd::unplanned;
    default:
      return MoveEnd::none;
  }
}

Reason ModeMachine::reason_after(ReasonRule rule, Reason given) const noexcept {
  const Reason at_rest = unsupervised_ ? Reason::unsupervised : Reason::none;
  switch (rule) {
    case ReasonRule::none:
      return Reason::none;
    case ReasonRule::given:
      return given;
    case ReasonRule::kept:
      return reason_;
    case ReasonRule::at_rest:
      return at_rest;
    case ReasonRule::after_release:
      if (given == Reason::park_timed_out) return given;
      return reason_ == Reason::park_timed_out || reason_ == Reason::protection ? reason_ : at_rest;
  }
  return reason_;
}

ModeStep ModeMachine::apply(ModeEvent event, Reason reason) noexcept {
  if (event == ModeEvent::lose_supervisor) unsupervised_ = true;
  if (event == ModeEvent::reconnected) unsupervised_ = false;
  const ModeStep step = kModeTable[static_cast<std::size_t>(event)][static_cast<std::size_t>(state_)];
  const bool told_already = event == ModeEvent::fault && mode() == Mode::fault && reason == reason_;
  const bool other_fault = event == ModeEvent::accept_position && reason_ != Reason::position_jump;
  if (!step.taken || told_already || other_fault) return kIgnored;
  reason_ = reason_after(step.reason, reason);
  state_ = step.next;
  return step;
}

}  // namespace motorium
