#pragma once

#include <cstdint>
#include <span>

#include "motorium/latest_slot.hpp"
#include "runtime/chunk_buffer.hpp"
#include "runtime/control_config.hpp"
#include "runtime/core_snapshot.hpp"
#include "runtime/mode_table.hpp"
#include "runtime/output_stage.hpp"
#include "runtime/position_watch.hpp"
#include "runtime/setpoint.hpp"
#include "runtime/setpoint_sources.hpp"

namespace motorium {

/// One control tick: joint state and time in, gated goal out. Holds no thread and reads no clock, so the same
/// code runs in the control thread and, in virtual time, in lock-step simulation.
///
/// A request is an event of the mode table (mode_table.hpp), which says what it does in which state. The mode
/// says which source the setpoint follows (setpoint_sources.hpp); guard and gate make the goal of it.
///
/// Threads: `tick`, the requests and what is below "Control thread" belong to one thread; `push_chunk`,
/// `committed` and `chunk_counters` to one other (they may be the same); `snapshot` to any. No method
/// allocates, waits or throws.
class ControlCore {
 public:
  /// Throws std::invalid_argument for a contradictory config.
  explicit ControlCore(const ControlConfig& config);

  // Control thread.
  TickResult tick(std::int64_t now_ns, const JointState& state) noexcept;
  /// At the next tick with fresh state: goal := present, torque on. Ignored while an emergency stop is
  /// latched.
  void enable() noexcept { enable_asked_ = !mode_.estop() && !mode_.unsupervised(); }
  /// Straight slew at `fraction` (0, 1] of each joint's velocity limit. Ignored without torque; the arm holds
  /// where no such slew can be computed. `ticket`: whose move it is.
  void move_to(const PerJoint<float>& target_rad, float fraction, std::uint64_t ticket = 0) noexcept;
  void cancel_move(std::uint64_t ticket) noexcept;  ///< Holds, if that move is still under way.
  void hold(Reason reason = Reason::none) noexcept;
  /// Rest pose, then torque off; from a fault too, after re-arming on the measured position.
  void park() noexcept;
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
  /// A person has looked at the arm: its joints are where they read.
  void accept_position() noexcept;
  /// Back to "released", once torque is off; nothing moves. False: it is still on.
  bool reset_estop() noexcept;

  const ModeMachine& mode() const noexcept { return mode_; }
  const PerJoint<float>& setpoint_rad() const noexcept { return setpoint_.position_rad(); }
  const PerJoint<float>& goal_rad() const noexcept { return output_.goal_rad(); }
  std::uint32_t gate_causes() const noexcept { return published_last_.gate_causes; }

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
  /// Where the last `move_to` came from, and what became of it.
  struct Move {
    std::uint64_t ticket = 0;
    MoveEnd end = MoveEnd::none;
  };
  /// When a stretch of time began that something hangs on.
  struct Times {
    std::int64_t tick_ns = 0, underflow_ns = 0, park_ns = 0, estop_ns = 0;
  };

  bool change(ModeEvent event, Reason reason = Reason::none) noexcept;
  void carry_out(std::uint16_t actions) noexcept;
  bool fresh(const JointState& state, std::int64_t now_ns) const noexcept;
  bool arm(const JointState& state, std::int64_t now_ns) noexcept;
  bool try_enable(const JointState& state, std::int64_t now_ns) noexcept;
  void end_estop_hold(std::int64_t now_ns) noexcept;
  bool blended(bool possible) noexcept;
  bool start_slew(std::int64_t last_ns, std::int64_t now_ns) noexcept;
  void finish_slew() noexcept;
  void follow(std::int64_t last_ns, std::int64_t now_ns, const JointState& state) noexcept;
  void follow_slew(std::int64_t last_ns, std::int64_t now_ns, const JointState& state) noexcept;
  void follow_plan(std::int64_t last_ns, std::int64_t now_ns, bool new_plan) noexcept;
  bool switch_plan(const Plan& plan, std::int64_t last_ns) noexcept;
  void end_plan(const Plan& plan, std::int64_t now_ns, bool ends) noexcept;
  void follow_stream(std::int64_t last_ns, std::int64_t now_ns) noexcept;
  void end_stream() noexcept;
  void fall_back() noexcept;
  void make_goal(std::int64_t now_ns, const JointState& state, TickResult& result) noexcept;
  void publish() noexcept;

  ControlConfig config_;
  ModeMachine mode_{};
  PositionWatch watch_;
  ChunkBuffer buffer_;
  SlewSource slew_;
  StreamSource stream_;
  Setpoint setpoint_;
  OutputStage output_;
  bool enable_asked_ = false, rearm_asked_ = false;
  TorqueRequest torque_request_ = TorqueRequest::none;
  std::uint64_t epoch_ = 1;
  Move move_{};
  Times since_{};
  CoreCounters counters_{};
  std::uint32_t events_ = 0;
  Seam seam_{};
  CoreSnapshot published_last_{};  // the last one; gate, guard and arrival are filled in where they change
  LatestSlot<CoreSnapshot> published_{};
};

}  // namespace motorium
