#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bus/joint_bus.hpp"
#include "bus/safety_gate.hpp"
#include "bus/servo_guard.hpp"
#include "motorium/latest_slot.hpp"
#include "runtime/arrival.hpp"
#include "runtime/chunk_buffer.hpp"
#include "runtime/control_config.hpp"
#include "runtime/leader.hpp"
#include "runtime/slew.hpp"
#include "runtime/transition.hpp"

namespace motorium {

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
  cancelled,  ///< By whoever asked for it, who waits no longer.
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

enum class TorqueRequest : std::uint8_t { none, on, off };

/// What happened in a tick; bits.
enum TickEvent : std::uint32_t {
  kEventStitch = 1u << 0,
  kEventLateChunk = 1u << 1,
  kEventUnderflow = 1u << 2,
  kEventModeChange = 1u << 3,
  kEventFallback = 1u << 4,
  kEventBadRead = 1u << 5,
  kEventMissedTick = 1u << 6,
  kEventEstop = 1u << 7,
  kEventApproach = 1u << 8
};

/// State of the core after a tick, published for other threads.
struct CoreSnapshot {
  Mode mode = Mode::idle;
  Reason reason = Reason::none;
  bool torque = false;
  std::uint64_t epoch = 1;
  std::int64_t t_ns = 0;
  bool estop = false;          ///< Latched.
  bool unsupervised = false;   ///< Latched until the bus is another one.
  JointMask jumped = 0;        ///< Joints (bits) that read another place than where they can be; latched.
  PerJoint<float> jump_rad{};  ///< By how much.
  std::uint64_t ticks = 0, underflows = 0, fallbacks = 0, estops = 0;
  std::uint64_t moves_done = 0;   ///< Slews that have ended and were judged.
  std::uint64_t move_ticket = 0;  ///< Of the last `move_to` that was taken up.
  MoveEnd move_end = MoveEnd::none;
  ArrivalReport arrival{};  ///< Of the last slew that was judged, a park among them.
  std::uint64_t joins = 0;  ///< Changes of source that were smoothed.
  bool streaming = false;   ///< Following a stream instead of chunks.
  std::uint64_t streams = 0, streams_lost = 0;
  float handover_jump_max_rad = 0.0f;  ///< Largest step that a plan published too late would have made.
  mtr_limits_counters gate{};
  std::uint32_t gate_causes = 0;
  mtr_guard_counters guard{};
  std::uint32_t joints = 0;
  PerJoint<std::uint8_t> guard_bits{};  ///< MTR_GUARD_*
  PerJoint<float> setpoint_rad{};
  PerJoint<float> goal_rad{};
};

struct TickResult {
  std::optional<GatedGoal> goal;  ///< To be written; none while torque is off.
  TorqueRequest torque = TorqueRequest::none;
  mtr_verdict verdict = MTR_PASS;
  std::uint32_t events = 0;
  Seam seam{};  ///< Of the chunk taken over in this tick (kEventStitch); else zero.
};

/// One control tick: joint state and time in, gated goal out. Holds no thread and reads no clock, so the same
/// code runs in the control thread and, in virtual time, in lock-step simulation.
///
/// Threads: `tick` and the requests belong to one thread; `push_chunk`, `committed`, `setpoint` and
/// `chunk_counters` to one other (they may be the same); `snapshot` to any. No method allocates, waits or
/// throws.
class ControlCore {
 public:
  explicit ControlCore(
      const ControlConfig& config);  ///< Throws std::invalid_argument for a contradictory config.

  // Control thread.
  TickResult tick(std::int64_t now_ns, const JointState& state) noexcept;
  /// At the next tick with fresh state: goal := present, torque on. Ignored while an emergency stop is
  /// latched.
  void enable() noexcept { enable_pending_ = !now_.estop && !now_.unsupervised; }
  /// Straight slew at `share` (0, 1] of each joint's velocity limit. Ignored without torque; the arm holds
  /// where no such slew can be computed. `ticket`: whose move it is.
  void move_to(const PerJoint<float>& target_rad, float share, std::uint64_t ticket = 0) noexcept;
  void cancel_move(std::uint64_t ticket) noexcept;  ///< Holds, if that move is still under way.
  void hold(Reason reason = Reason::none) noexcept;
  void park() noexcept;  ///< Rest pose, then torque off; from a fault too, after re-arming on the measured
                         ///< position.
  void release() noexcept;
  void fault(Reason reason) noexcept;
  /// Not every servo took torque, so all were switched off: a fault, and nothing to park.
  void torque_refused(Reason reason) noexcept;
  /// Nobody is left to let the arm down if this process dies: to the rest pose, then no torque any more.
  void lose_supervisor() noexcept;
  /// The bus is another one than before: nothing is commanded until `enable`, and no torque is switched.
  void reconnected() noexcept;
  /// The goal of the coming tick, from a stream that began in `epoch`. A stream starts with a ramp from where
  /// the arm is, goes before any plan, and is over with the first tick without it or with the epoch.
  void stream(const PerJoint<float>& goal_rad, std::uint64_t epoch) noexcept;
  /// Emergency stop: the goal stands still in this very tick, torque goes off `estop_hold_ns` later, and
  /// nothing but `reset_estop` ends it (stop categories 1 and 0 of IEC 60204-1).
  void estop() noexcept;
  /// Whoever has looked at the arm says that its joints are where they read.
  void accept_position() noexcept;
  /// Back to "released", once the arm is limp; nothing moves. False: it is not limp yet.
  bool reset_estop() noexcept;

  // Pushing thread.
  PushStatus push_chunk(const ChunkView& chunk, std::int64_t now_ns) noexcept;
  void committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                 std::span<float> out_rad) const noexcept;
  const ChunkCounters& chunk_counters() const noexcept { return buffer_.counters(); }
  const Meaning& meaning() const noexcept { return buffer_.meaning(); }

  // Any thread.
  CoreSnapshot snapshot() const noexcept { return published_.read(); }
  std::uint32_t joints() const noexcept { return config_.limits.n_joints; }
  const ControlConfig& config() const noexcept { return config_; }

 private:
  bool fresh(const JointState& state, std::int64_t now_ns) const noexcept;
  void watch_continuity(const JointState& state) noexcept;
  bool arm(const JointState& state, std::int64_t now_ns) noexcept;
  void set_mode(Mode mode, Reason reason) noexcept;
  /// Of an arm without torque that nothing else is said of.
  Reason at_rest_reason() const noexcept { return now_.unsupervised ? Reason::unsupervised : Reason::none; }
  void void_plan() noexcept { ++now_.epoch; }
  void rest_at(const PerJoint<float>& position_rad) noexcept;
  void end_move(MoveEnd end) noexcept;
  void start_parking(Reason reason) noexcept;
  void finish_slew() noexcept;
  void stand_unplanned() noexcept;
  void take_up_lag() noexcept;
  bool join(std::int64_t t_ns, const Motion& source) noexcept;
  bool come_to_rest(std::int64_t t_ns) noexcept;
  bool start_slew(std::int64_t last_ns, std::int64_t now_ns) noexcept;
  bool adopt(const Plan& plan, std::int64_t last_ns) noexcept;
  void follow_plan(std::int64_t last_ns, std::int64_t now_ns, bool new_plan) noexcept;
  void follow_slew(std::int64_t last_ns, std::int64_t now_ns, const JointState& state) noexcept;
  void follow_stream(std::int64_t last_ns, std::int64_t now_ns) noexcept;
  void end_stream() noexcept;
  void move_setpoint(std::int64_t now_ns) noexcept;
  void fall_back() noexcept;
  void protect(const JointState& state, PerJoint<float>& wish_rad) noexcept;
  void apply_gate(std::int64_t now_ns, const JointState& state, TickResult& result) noexcept;
  void publish() noexcept { published_.publish(now_); }

  ControlConfig config_;
  SafetyGate gate_;
  ServoGuard guard_;
  ChunkBuffer buffer_;
  Slew slew_{};
  Arrival arrival_;
  PerJoint<float> slew_target_{};
  float slew_share_ = 0.0f;
  bool slew_pending_ = false, enable_pending_ = false, rearm_pending_ = false, parking_ = false;
  bool stop_pending_ = false;
  Motion source_{};            // what the source said last: a plan, a slew, a stream, or a place to rest at
  Motion setpoint_{};          // that, and the rest of the transition to it
  PerJoint<float> lag_rad_{};  // by which the gate's limits keep the goal from it
  Transition transition_;
  PerJoint<float> stream_rad_{}, approach_rad_s_{};
  RampIn ramp_{};
  bool stream_given_ = false;
  std::int64_t underflow_ns_ = 0, park_start_ns_ = 0, limp_at_ns_ = 0;
  TorqueRequest torque_request_ = TorqueRequest::none;
  std::uint32_t events_ = 0;
  Seam seam_{};
  PerJoint<float> known_rad_{};        // the last reading of each joint
  PerJoint<std::int64_t> known_ns_{};  // 0: none yet
  CoreSnapshot now_{};
  LatestSlot<CoreSnapshot> published_{};
};

}  // namespace motorium
