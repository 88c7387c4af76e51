#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "robot/causes.hpp"
#include "robot/interrupt.hpp"
#include "robot/robot_config.hpp"
#include "robot/scheduler.hpp"
#include "robot/slot_map.hpp"
#include "robot/snapshots.hpp"
#include "runtime/control_loop.hpp"
#include "runtime/telemetry.hpp"

namespace motorium {

/// A plan in the unified slots: row i holds the values for `t0_ns + i * dt_ns`.
struct SlotChunk {
  std::span<const float> values;  ///< rows * 200, row-major.
  std::uint32_t rows = 0;
  std::int64_t t0_ns = 0;
  std::int64_t dt_ns = 0;
  std::uint32_t delay = 0;  ///< Rows before this one were committed and are already planned.
  bool final = false;       ///< The arm holds the last row; no underflow follows.
};

/// Drives one arm, or several at the same time: their buses, one control thread, their joints in the unified
/// slots.
///
/// Every method that waits calls `interrupt` meanwhile and throws Interrupted; a request that had not taken
/// effect by then never will (robot/requests.hpp). Any thread may call any method.
class Robot {
 public:
  using OpenBus = std::function<std::unique_ptr<JointBus>()>;

  static constexpr double kFirstReadingS = 1.0;  ///< A chain that can be opened answers within this time.
  static constexpr double kEnableS = 2.0;
  static constexpr double kParkS = 10.0;

  /// Opens the bus; torque is left as found. Throws as `open` and ControlLoop do. `config.joints` may be
  /// empty: such an arm passes every check, and takes commands only in joints.
  Robot(RobotConfig config, OpenBus open, Interrupt interrupt = {});

  /// Starts the control thread; torque stays off. Throws std::system_error.
  void start() { loop_.start(); }
  /// Waits until every joint has answered once. Returns those that did not in time.
  Problems wait_until_heard(double timeout_s = kFirstReadingS) const;
  /// Carries out the exit policy (bounded in time), then ends the control thread. The destructor does the
  /// same.
  void stop() { loop_.stop(); }

  /// Checks every joint, then switches torque on at the arm's present position; on an arm moved by hand,
  /// joints that are springs then go to their home position. Empty: the arm has torque. Otherwise it has
  /// none, and the problems say why.
  Problems power_up(double timeout_s = kEnableS);
  /// Waits for a bus whose cable or adapter was unplugged, then compares every joint with its last reading.
  /// Switches no torque. Returns the joints that did not answer or jumped; throws as reconnect().
  Problems reconnect(double timeout_s);

  // These skip the checks: see robot/requests.hpp.
  bool enable(double timeout_s = kEnableS);
  MoveEnd slew(const PerJoint<float>& target_rad, float fraction, double timeout_s);
  /// Slews, and returns whether the arm arrived. Without a time-out it only starts, and returns whether the
  /// request was taken.
  bool move_to(const PerJoint<float>& target_rad, float fraction, double timeout_s = 0.0);
  bool park(double timeout_s = kParkS);
  void hold();
  void release();
  void estop();
  bool reset_estop(double timeout_s);
  bool accept_position();

  /// Pushes a plan for the joints of `slots()`, ignoring other slots. Throws std::logic_error without joints.
  PushStatus push_slots(const SlotChunk& chunk);
  /// Pushes a plan in radians, a value for each joint in every row.
  PushStatus push_joints(const ChunkView& chunk) noexcept { return loop_.push_chunk(chunk); }
  /// Returns the values planned at `t0_ns + i * dt_ns`, i < rows, with zeros in slots that no joint has. out:
  /// rows * 200. Throws std::logic_error without joints.
  void committed_slots(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                       std::span<float> out) const;
  /// Returns the setpoints planned at the same times, in radians. out: rows * joints.
  void committed_joints(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                        std::span<float> out_rad) const noexcept {
    loop_.committed(t0_ns, dt_ns, rows, out_rad);
  }
  /// Makes a scheduler for a policy of this pace, with the robot's declared latency until its own was
  /// measured.
  Scheduler schedule(const Pace& pace) const;

  /// Sets the arm to follow once engaged; it must outlive this one.
  void follow(const Robot& leader, const LeaderMap& map) { loop_.follow(leader.loop_, map); }
  /// Follows the leader from where the arm is, until any request. False: it is not ready, or there is none.
  bool engage() noexcept { return loop_.engage(); }

  /// Makes `fd` a stop input and returns its number; see StopInputs for what it means and throws.
  int watch_estop(int fd, std::span<const std::uint8_t> keys, bool hand_on = false) {
    return loop_.watch_estop(fd, keys, hand_on);
  }
  void unwatch_estop(int input) { loop_.unwatch_estop(input); }
  /// Takes the oldest key of a watched terminal that is not a stop key. One caller at a time.
  bool take_key(KeyPress& key) noexcept { return loop_.take_key(key); }

  /// Runs one lock-step tick at `now_ns` of the caller's own clock, in the caller's thread. Throws
  /// std::logic_error once `start` was called.
  void step(std::int64_t now_ns) { loop_.step(now_ns); }

  /// Why the arm is in fault, or was brought to rest by itself; empty while it is neither.
  Problems why_stopped() const;
  // Copies, taken at any time: see robot/snapshots.hpp.
  LoopStats stats() const;
  Mode mode() const noexcept { return loop_.core_snapshot().mode; }
  Reason reason() const noexcept { return loop_.core_snapshot().reason; }
  PerJoint<float> goal_rad() const noexcept { return loop_.core_snapshot().goal_rad; }
  /// The newest reading; no joints before the first.
  JointState state() const noexcept { return loop_.state(); }
  /// Nothing before the first reading; outside the history, the nearest one.
  std::optional<JointSample> state_at(std::int64_t t_ns) const;
  /// Setpoint in force at `t_ns`, linear between ticks. Nothing when no tick has reached that time.
  std::optional<PerJoint<float>> setpoint_at(std::int64_t t_ns) const;
  /// Which setting of a servo kept torque off at the last try; empty: none.
  std::string torque_problem() const { return loop_.torque_problem(); }
  /// What was read, wanted and sent in the ticks up to a fault, or up to now.
  std::vector<ArmState> last_states(std::size_t most = kLastStates) const;
  /// Returns the ticks since the last call; what was overwritten meanwhile is counted in `stats`. One caller
  /// at a time.
  std::vector<TickRecord> telemetry() { return telemetry_.drain(loop_.history()); }

  const RobotConfig& config() const noexcept { return config_; }
  const SlotMap& slots() const;  ///< Throws std::logic_error without joints.
  const LatencyReport& latency() const noexcept { return latency_; }
  std::uint32_t joints() const noexcept { return loop_.joints(); }
  const Meaning& meaning() const noexcept { return loop_.meaning(); }

 private:
  Robot(RobotConfig config, std::unique_ptr<JointBus> bus, OpenBus open, Interrupt interrupt);
  Problems why_no_torque() const;
  void release_springs();

  RobotConfig config_;
  OpenBus open_;  // as it was first opened
  Interrupt interrupt_;
  std::optional<SlotMap> slots_{};
  LatencyReport latency_;
  ControlLoop loop_;
  TelemetryReader telemetry_{};
};

/// Returns the declared latency that 95 % of inferences do not exceed, used until any was measured. 0: none
/// is declared.
std::int64_t declared_latency_ns(const PolicyTiming& policy) noexcept;

}  // namespace motorium
