#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "robot/causes.hpp"
#include "robot/interrupt.hpp"
#include "robot/robot_config.hpp"
#include "robot/scheduler.hpp"
#include "runtime/control_loop.hpp"
#include "runtime/slot_map.hpp"
#include "runtime/telemetry.hpp"

namespace motorium {

/// A plan in the unified slots: row i holds the values for `t0_ns + i * dt_ns`.
struct SlotChunk {
  std::span<const float> values;  ///< rows * 200, row-major.
  std::uint32_t rows = 0;
  std::int64_t t0_ns = 0;
  std::int64_t dt_ns = 0;
  std::uint32_t delay = 0;  ///< Rows below this were committed and are already planned.
  bool final = false;       ///< Nothing follows: the arm holds the last row, and that is no underflow.
};

/// One arm, or several driven at the same time: its bus, its control thread, its joints in the unified slots.
///
/// Everything that waits asks `interrupt` meanwhile and throws Interrupted; what had not taken effect until
/// then never will (robot/requests.hpp). Any thread may call any method.
class Robot {
 public:
  using OpenBus = std::function<std::unique_ptr<JointBus>()>;

  static constexpr double kFirstReadingS = 1.0;  ///< A chain that can be opened answers within this.
  static constexpr double kEnableS = 2.0;
  static constexpr double kParkS = 10.0;

  /// Opens the bus; torque is left as found. Throws as `open` and ControlLoop do. `config.joints` may be
  /// empty: such an arm passes every check, and is commanded by joints alone.
  Robot(RobotConfig config, OpenBus open, Interrupt interrupt = {});

  /// Starts the control thread; torque stays off. Throws std::system_error.
  void start() { loop_.start(); }
  /// Waits until every joint has answered once. Joints that did not in time.
  Problems wait_until_heard(double timeout_s = kFirstReadingS) const;
  /// Exit policy (bounded by its time-out), then ends the control thread. As the destructor does.
  void stop() { loop_.stop(); }

  /// Checks every joint, then gives torque from where the arm is; on an arm that is moved by hand the joints
  /// that have torque go home, where they are springs. Empty: the arm has torque. Else why not; it has none.
  Problems power_up(double timeout_s = kEnableS);
  /// After the cable or the adapter was pulled: waits for the bus and compares every joint with its last
  /// reading. No torque is switched. Joints that were not heard, or jumped; throws as reconnect().
  Problems reconnect(double timeout_s);

  // Without checks: see robot/requests.hpp.
  bool enable(double timeout_s = kEnableS);
  MoveEnd move_to(const PerJoint<float>& target_rad, float fraction, double timeout_s);
  bool park(double timeout_s = kParkS);
  void hold();
  void release();
  void estop();
  bool reset_estop(double timeout_s);
  bool accept_position();

  /// The plan's joints are those of `slots()`; what other slots say is ignored. std::logic_error without
  /// joints.
  PushStatus push(const SlotChunk& chunk);
  /// Values planned at `t0_ns + i * dt_ns`, i < rows, zero in slots that no joint has. out: rows * 200.
  /// std::logic_error without joints.
  void committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows, std::span<float> out) const;
  /// When to infer a policy of this pace, with the robot's declared latency until its own was measured.
  Scheduler schedule(const Pace& pace) const;

  const RobotConfig& config() const noexcept { return config_; }
  const SlotMap& slots() const;  ///< std::logic_error without joints.
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
  OpenBus open_;  // as it was opened the first time
  Interrupt interrupt_;
  std::optional<SlotMap> slots_{};
  LatencyReport latency_;
  ControlLoop loop_;
  TelemetryReader telemetry_{};
};

/// What an inference has to be expected to take before any was measured: the latency that 95 % of the
/// declared distribution do not exceed. 0: none is declared.
std::int64_t declared_latency_ns(const PolicyTiming& policy) noexcept;

}  // namespace motorium
