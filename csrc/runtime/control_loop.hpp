#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "bus/joint_bus.hpp"
#include "motorium/history_ring.hpp"
#include "motorium/latest_slot.hpp"
#include "runtime/control_core.hpp"
#include "runtime/period_histogram.hpp"
#include "runtime/realtime.hpp"
#include "runtime/request_queue.hpp"
#include "runtime/stop_inputs.hpp"
#include "runtime/supervised_bus.hpp"
#include "runtime/telemetry.hpp"
#include "runtime/tick_history.hpp"

namespace motorium {

/// What the loop itself counts.
struct LoopSnapshot {
  bool alive = false;
  std::uint64_t ticks = 0, missed = 0, bad_reads = 0;
  std::uint32_t bad_reads_in_a_row = 0;
  std::uint64_t requests_done = 0;
  std::uint32_t torque_failures = 0;
  bool torque_on = false;         ///< As far as the servos confirmed; unknown counts as on.
  bool torque_confirmed = false;  ///< Every servo has confirmed that it has torque.
  BusStatus bus_status = BusStatus::ok;
  BusCounters bus{};
};

/// When reads fail: hold after some in a row, fault after more. Single lost replies are normal and cost
/// nothing.
struct LoopConfig {
  std::uint32_t hold_after_bad_reads = 10;
  std::uint32_t fault_after_bad_reads = 40;
  int rt_priority = 60;
  double history_s = 4.0;
  std::int64_t frozen_after_ns = 300'000'000;  ///< Without a tick: the supervisor takes the torque.
};

/// The control thread: reads the bus, ticks the core, writes the goal, at absolute deadlines.
///
/// Every other thread talks to it through wait-free queues; it never waits for any of them, allocates nothing
/// and throws nothing once started. A tick that ends after the next deadline skips to the next grid point
/// (counted in `missed`), so there is never a burst. The thread itself carries out the exit policy: whoever
/// asked for it may die meanwhile. The destructor, and the end of the process by exit(), stop every loop that
/// still runs.
class ControlLoop {
 public:
  ControlLoop(ControlConfig config, std::unique_ptr<JointBus> bus, const LoopConfig& loop = {});
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  /// Starts the thread, and the supervisor where the servos need one; torque stays off. Once. Throws
  /// std::system_error.
  void start();
  void stop();  ///< Exit policy (bounded by its time-out), then joins the thread. Safe to call again.

  /// After the port went away or its servos fell silent: closes it, then has `open` open one in its place. No
  /// torque is switched and nothing commanded until `enable`, before which every joint must be where it was.
  /// Waits for `open`, in the caller's thread; what it throws leaves the bus closed. std::logic_error when
  /// the loop does not run or its bus is well.
  void reconnect(const std::function<std::unique_ptr<JointBus>()>& open);
  /// See JointBus. Not from the control thread.
  std::string torque_problem() const;

  /// Requests, from any thread. Each returns a ticket: `loop_snapshot().requests_done >= ticket` once it took
  /// effect. 0: not taken, because too many wait; what stops an arm (hold, cancel_move, park, release) is
  /// always taken, after all that waits.
  std::uint64_t enable() noexcept { return requests_.push({Request::Kind::enable, {}, 0.0f}); }
  std::uint64_t move_to(const PerJoint<float>& target_rad, float fraction) noexcept {
    return requests_.push({Request::Kind::move_to, target_rad, fraction});
  }
  /// Holds, if the move of that ticket is still under way.
  std::uint64_t cancel_move(std::uint64_t ticket) noexcept {
    return requests_.push({Request::Kind::cancel_move, {}, 0.0f, ticket});
  }
  /// Takes back a request that its caller waits for no longer. True: it will never take effect; false: it
  /// already has, or was taken past the queue.
  bool withdraw(std::uint64_t ticket) noexcept { return requests_.withdraw(ticket); }
  std::uint64_t hold() noexcept { return requests_.push({Request::Kind::hold, {}, 0.0f}); }
  std::uint64_t park() noexcept { return requests_.push({Request::Kind::park, {}, 0.0f}); }
  std::uint64_t release() noexcept { return requests_.push({Request::Kind::release, {}, 0.0f}); }
  /// Ends a latched emergency stop where no input asks for one any more and torque is off.
  std::uint64_t reset_estop() noexcept { return requests_.push({Request::Kind::reset_estop, {}, 0.0f}); }
  /// Ends a latched position jump.
  std::uint64_t accept_position() noexcept {
    return requests_.push({Request::Kind::accept_position, {}, 0.0f});
  }

  /// Emergency stop, from any thread or signal handler; takes effect in the next tick. Never lost in a queue.
  void estop() noexcept { estop_asked_.store(true, std::memory_order_release); }
  /// An emergency stop whenever `fd` has something to say; see StopInputs. Throws as that.
  int watch_estop(int fd, std::span<const std::uint8_t> keys, bool hand_on = false) {
    return stop_inputs_.watch(fd, keys, hand_on);
  }
  void unwatch_estop(int input) { stop_inputs_.unwatch(input); }
  /// The next key of a watched terminal that stops nothing, oldest first. One caller at a time.
  bool take_key(KeyPress& key) noexcept { return stop_inputs_.take_key(key); }

  /// Who sees to the arm when this process dies; nobody once the supervisor is lost. Any thread, after
  /// `start`.
  WatchedBy watched_by() const noexcept {
    return core_.snapshot().unsupervised ? WatchedBy::nobody : bus_.watched_by();
  }

  /// Whose joints to follow once engaged; `leader` must outlive this loop. Any thread.
  void follow(const ControlLoop& leader, const LeaderMap& map);
  /// Follows from the next tick on, beginning with a ramp, until `hold` or any other request ends it, or the
  /// leader is lost. False without a leader, or when the arm neither holds nor runs.
  bool engage() noexcept;

  PushStatus push_chunk(const ChunkView& chunk) noexcept;
  void committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                 std::span<float> out_rad) const noexcept;
  ChunkCounters chunk_counters() const noexcept;
  const Meaning& meaning() const noexcept { return core_.meaning(); }

  CoreSnapshot core_snapshot() const noexcept { return core_.snapshot(); }
  LoopSnapshot loop_snapshot() const noexcept { return published_.read(); }
  JointState state() const noexcept { return state_.read(); }
  /// Joint state at `t_ns`, interpolated between reads; beyond the history, the nearest. False before the
  /// first read.
  bool state_at(std::int64_t t_ns, TickRecord& record) const noexcept {
    return history_.state_at(t_ns, record);
  }
  /// Setpoint in force at `t_ns`, straight between ticks; before the history, the oldest. False: no tick has
  /// come that far yet.
  bool setpoint_at(std::int64_t t_ns, PerJoint<float>& setpoint_rad) const noexcept {
    return history_.setpoint_at(t_ns, setpoint_rad);
  }
  const HistoryRing<TickRecord>& history() const noexcept { return history_.ring(); }
  const PeriodHistogram& periods() const noexcept { return periods_; }
  /// Age of the oldest joint reading when the goal was made.
  const PeriodHistogram& ages() const noexcept { return ages_; }
  /// Lock-step: one tick at `now_ns` of a clock of the caller's own, in the caller's thread, as fast as the
  /// bus goes. Only where `start` was never called; std::logic_error otherwise.
  void step(std::int64_t now_ns);
  RealtimeReport realtime() const;
  std::uint32_t joints() const noexcept { return core_.joints(); }
  const ControlConfig& config() const noexcept { return core_.config(); }

 private:
  struct Leader {
    const ControlLoop& loop;
    LeaderMap map;
  };

  void take_bus() noexcept;
  void feed_stream(std::int64_t now_ns) noexcept;
  void run() noexcept;
  void tick(std::int64_t grid_ns, std::int64_t woke_ns) noexcept;
  void drain_requests() noexcept;
  void handle(const Request& request) noexcept;
  void judge_read(BusStatus status) noexcept;
  void switch_torque(TorqueRequest request) noexcept;
  void keep_supervised(std::int64_t now_ns) noexcept;
  void record(std::int64_t grid_ns, std::int64_t woke_ns, const TickResult& result) noexcept;
  bool leaving() noexcept;
  void publish() noexcept { published_.publish(now_); }

  LoopConfig loop_;
  std::int64_t period_ns_;
  SupervisedBus bus_;
  ControlCore core_;

  // Control thread's own.
  JointState joints_now_{}, leader_now_{};
  LoopSnapshot now_{};
  std::int64_t last_woke_ns_ = 0, leave_by_ns_ = 0, newest_joint_ns_ = 0;
  std::uint64_t missed_recorded_ = 0;
  bool rebase_ = false, lock_step_ = false;

  // Between threads.
  RequestQueue requests_{};
  LatestSlot<JointState> state_{};
  LatestSlot<LoopSnapshot> published_{};
  TickHistory history_;
  PeriodHistogram periods_{}, ages_{};
  std::atomic<const Leader*> leader_{nullptr};
  std::atomic<std::uint64_t> engaged_epoch_{0};
  std::atomic<bool> stop_{false}, estop_asked_{false};
  StopInputs stop_inputs_{};

  // Callers' side; never taken by the control thread.
  mutable std::mutex callers_;
  std::vector<std::unique_ptr<const Leader>> leaders_;  // kept: the control thread may be reading any of them
  mutable std::mutex report_mutex_;
  RealtimeReport realtime_{};
  mutable std::mutex life_;
  std::thread thread_;
  int owner_pid_ = 0;
};

}  // namespace motorium
