#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
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
  MoveEnd move_to(const PerJoint<float>& target_rad, float fraction, double timeout_s);
  bool park(double timeout_s = kParkS);
  void hold();
  void release();
  void estop();
  bool reset_estop(double timeout_s);
  bool accept_position();

  /// Pushes a plan for the joints of `slots()`, ignoring other slots. Throws std::logic_error without joints.
  PushStatus push(const SlotChunk& chunk);
  /// Returns the values planned at `t0_ns + i * dt_ns`, i < rows, with zeros in slots that no joint has. out:
  /// rows * 200. Throws std::logic_error without joints.
  void committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows, std::span<float> out) const;
  /// Makes a scheduler for a policy of this pace, with the robot's declared latency until its own was
  /// measured.
  Scheduler schedule(const Pace& pace) const;

  /// Why the arm is in fault, or was brought to rest by itself; empty while it is neither.
  Problems why_stopped() const;
  // Copies, taken at any time: see robot/snapshots.hpp.
  LoopStats stats() const;
  /// Nothing before the first reading.
  std::optional<JointSample> joints_at(std::int64_t t_ns) const;
  /// What was read, wanted and sent in the ticks up to a fault, or up to now.
  std::vector<ArmState> last_states(std::size_t most = kLastStates) const;

  const RobotConfig& config() const noexcept { return config_; }
  const SlotMap& slots() const;  ///< Throws std::logic_error without joints.
  const LatencyReport& latency() const noexcept { return latency_; }
  ControlLoop& loop() noexcept { return loop_; }
  const ControlLoop& loop() const noexcept { return loop_; }
  TelemetryReader& telemetry() noexcept { return telemetry_; }
  const TelemetryReader& telemetry() const noexcept { return telemetry_; }

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
