#pragma once

#include <cstdint>
#include <span>
#include <utility>

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

/// Runs one control tick: joint state and time in, gated goal out. Has no thread and reads no clock, so the
/// same code runs in the control thread and, in virtual time, in lock-step simulation.
///
/// A request is an event of the mode table (mode_table.hpp), which says what it does in each state. The mode
/// decides which source the setpoint follows (setpoint_sources.hpp); guard and gate turn the setpoint into
/// the goal.
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
  /// Bits of `TickEvent` since the last tick's result or the last call.
  std::uint32_t take_events() noexcept { return std::exchange(events_, 0u); }
  /// At the next tick with fresh state, sets the goal to the present position and turns torque on. Ignored
  /// while an emergency stop is latched or nobody supervises.
  void enable() noexcept { enable_asked_ = !mode_.estop() && !mode_.unsupervised(); }
  /// Slews straight to the target at `fraction` (0, 1] of each joint's velocity limit. Ignored without
  /// torque; holds when no such slew can be computed. `ticket` identifies the move.
  void move_to(const PerJoint<float>& target_rad, float fraction, std::uint64_t ticket = 0) noexcept;
  void cancel_move(std::uint64_t ticket) noexcept;  ///< Holds if that move is still under way.
  void hold(Reason reason = Reason::none) noexcept;
  /// Moves to the rest pose, then torque off; from a fault too, after re-arming at the measured position.
  void park() noexcept;
  void release() noexcept;
  void fault(Reason reason) noexcept;
  /// Reports that not every servo took torque, so all were switched off: a fault, with nothing to park.
  void torque_refused(Reason reason) noexcept;
  /// Reports that nobody would take the torque if this process died: moves to the rest pose, then torque off.
  void lose_supervisor() noexcept;
  /// Reports another bus: nothing is commanded until `enable`, and no torque is switched.
  void reconnected() noexcept;
  /// Sets the goal of the coming tick, from a stream that began in `epoch`. A stream starts with a ramp from
  /// the setpoint, takes precedence over plans, and ends with the first tick without a goal or with its
  /// epoch.
  void stream(const PerJoint<float>& goal_rad, std::uint64_t epoch) noexcept;
  /// Emergency stop: the goal stands still in this very tick, torque goes off `estop_hold_ns` later, and only
  /// `reset_estop` ends it (stop categories 1 and 0 of IEC 60204-1).
  void estop() noexcept;
  /// Ends a position jump: a person has checked that the joints are where they read.
  void accept_position() noexcept;
  /// Returns to "released" without motion, once torque is off. False: it is still on.
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
  /// The last `move_to`: who asked, and how it ended.
  struct Move {
    std::uint64_t ticket = 0;
    MoveEnd end = MoveEnd::none;
  };
  /// Start times of what runs out.
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
  CoreSnapshot published_last_{};  // gate, guard and arrival are updated where they change
  LatestSlot<CoreSnapshot> published_{};
};

}  // namespace motorium
