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

/// Counters and state of the loop itself.
struct LoopSnapshot {
  bool alive = false;
  std::uint64_t ticks = 0, missed = 0, bad_reads = 0;
  std::uint32_t bad_reads_in_a_row = 0;
  std::uint64_t requests_done = 0;
  std::uint32_t torque_failures = 0;
  bool torque_on = false;         ///< As confirmed by the servos; unknown counts as on.
  bool torque_confirmed = false;  ///< Every servo has confirmed torque.
  BusStatus bus_status = BusStatus::ok;
  BusCounters bus{};
};

/// How many failed reads in a row lead to a hold, and to a fault. Single lost replies are normal and
/// harmless.
struct LoopConfig {
  std::uint32_t hold_after_bad_reads = 10;
  std::uint32_t fault_after_bad_reads = 40;
  int rt_priority = 60;
  double history_s = 4.0;
  /// Without a tick for this long, the supervisor takes the torque.
  std::int64_t frozen_after_ns = 300'000'000;
};

/// Runs the control thread: reads the bus, ticks the core, writes the goal, at absolute deadlines.
///
/// Other threads talk to it through wait-free queues. The control thread never waits for any of them, and
/// once started neither allocates nor throws. A tick that ends after the next deadline skips to the next grid
/// point (counted in `missed`), so there is never a burst. The thread itself carries out the exit policy,
/// because its caller may die meanwhile. The destructor, and the end of the process by exit(), stop every
/// running loop.
class ControlLoop {
 public:
  ControlLoop(ControlConfig config, std::unique_ptr<JointBus> bus, const LoopConfig& loop = {});
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  /// Starts the thread, once, and the supervisor where the servos need one; torque stays off. Throws
  /// std::system_error.
  void start();
  void stop();  ///< Carries out the exit policy (bounded in time), then joins the thread. Safe to call again.

  /// Replaces a bus whose port went away or whose servos fell silent: closes it, then calls `open` in the
  /// caller's thread. No torque is switched and nothing is commanded until `enable`, before which every joint
  /// must be where it was. If `open` throws, the bus stays closed. Throws std::logic_error when the loop does
  /// not run or its bus is fine.
  void reconnect(const std::function<std::unique_ptr<JointBus>()>& open);
  /// See JointBus. Not for the control thread.
  std::string torque_problem() const;

  /// Requests, from any thread. Each returns a ticket; the request has taken effect once
  /// `loop_snapshot().requests_done >= ticket`. 0: the queue is full and the request was dropped. Requests
  /// that stop an arm (hold, cancel_move, park, release) are always taken, after all that waits.
  std::uint64_t enable() noexcept { return requests_.push({Request::Kind::enable, {}, 0.0f}); }
  std::uint64_t move_to(const PerJoint<float>& target_rad, float fraction) noexcept {
    return requests_.push({Request::Kind::move_to, target_rad, fraction});
  }
  /// Holds if the move of that ticket is still under way.
  std::uint64_t cancel_move(std::uint64_t ticket) noexcept {
    return requests_.push({Request::Kind::cancel_move, {}, 0.0f, ticket});
  }
  /// Withdraws a request whose caller no longer waits. True: it will never take effect. False: it already
  /// has, or it bypassed the queue.
  bool withdraw(std::uint64_t ticket) noexcept { return requests_.withdraw(ticket); }
  std::uint64_t hold() noexcept { return requests_.push({Request::Kind::hold, {}, 0.0f}); }
  std::uint64_t park() noexcept { return requests_.push({Request::Kind::park, {}, 0.0f}); }
  std::uint64_t release() noexcept { return requests_.push({Request::Kind::release, {}, 0.0f}); }
  /// Ends a latched emergency stop, if no input still asks for one and torque is off.
  std::uint64_t reset_estop() noexcept { return requests_.push({Request::Kind::reset_estop, {}, 0.0f}); }
  /// Ends a latched position jump.
  std::uint64_t accept_position() noexcept {
    return requests_.push({Request::Kind::accept_position, {}, 0.0f});
  }

  /// Emergency stop, from any thread or signal handler; takes effect in the next tick. No queue can lose it.
  void estop() noexcept { estop_asked_.store(true, std::memory_order_release); }
  /// Makes `fd` a stop input; see StopInputs for what it means and throws.
  int watch_estop(int fd, std::span<const std::uint8_t> keys, bool hand_on = false) {
    return stop_inputs_.watch(fd, keys, hand_on);
  }
  void unwatch_estop(int input) { stop_inputs_.unwatch(input); }
  /// Takes the oldest key of a watched terminal that is not a stop key. One caller at a time.
  bool take_key(KeyPress& key) noexcept { return stop_inputs_.take_key(key); }

  /// Says who takes the torque if this process dies; nobody once the supervisor is lost. Any thread, after
  /// `start`.
  WatchedBy watched_by() const noexcept {
    return core_.snapshot().unsupervised ? WatchedBy::nobody : bus_.watched_by();
  }

  /// Sets the leader to follow once engaged; `leader` must outlive this loop. Any thread.
  void follow(const ControlLoop& leader, const LeaderMap& map);
  /// Follows the leader from the next tick on, beginning with a ramp, until `hold` or any other request, or
  /// until the leader is lost. False without a leader, or when the arm is neither holding nor running.
  bool engage() noexcept;

  PushStatus push_chunk(const ChunkView& chunk) noexcept;
  void committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                 std::span<float> out_rad) const noexcept;
  ChunkCounters chunk_counters() const noexcept;
  const Meaning& meaning() const noexcept { return core_.meaning(); }

  CoreSnapshot core_snapshot() const noexcept { return core_.snapshot(); }
  LoopSnapshot loop_snapshot() const noexcept { return published_.read(); }
  JointState state() const noexcept { return state_.read(); }
  /// Joint state at `t_ns`, interpolated between reads; outside the history, the nearest one. False before
  /// the first read.
  bool state_at(std::int64_t t_ns, TickRecord& record) const noexcept {
    return history_.state_at(t_ns, record);
  }
  /// Setpoint in force at `t_ns`, linear between ticks; before the history, the oldest one. False when no
  /// tick has reached that time.
  bool setpoint_at(std::int64_t t_ns, PerJoint<float>& setpoint_rad) const noexcept {
    return history_.setpoint_at(t_ns, setpoint_rad);
  }
  const HistoryRing<TickRecord>& history() const noexcept { return history_.ring(); }
  const PeriodHistogram& periods() const noexcept { return periods_; }
  /// Age of the oldest joint reading at the time the goal was made.
  const PeriodHistogram& ages() const noexcept { return ages_; }
  /// Runs one lock-step tick at `now_ns` of the caller's own clock, in the caller's thread. Throws
  /// std::logic_error once `start` was called.
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

  // Owned by the control thread.
  JointState joints_now_{}, leader_now_{};
  LoopSnapshot now_{};
  std::int64_t last_woke_ns_ = 0, leave_by_ns_ = 0, newest_joint_ns_ = 0;
  std::uint64_t missed_recorded_ = 0;
  bool rebase_ = false, lock_step_ = false;

  // Shared between threads.
  RequestQueue requests_{};
  LatestSlot<JointState> state_{};
  LatestSlot<LoopSnapshot> published_{};
  TickHistory history_;
  PeriodHistogram periods_{}, ages_{};
  std::atomic<const Leader*> leader_{nullptr};
  std::atomic<std::uint64_t> engaged_epoch_{0};
  std::atomic<bool> stop_{false}, estop_asked_{false};
  StopInputs stop_inputs_{};

  // The callers' side; the control thread never takes these locks.
  mutable std::mutex callers_;
  std::vector<std::unique_ptr<const Leader>> leaders_;  // kept: the control thread may be reading any of them
  mutable std::mutex report_mutex_;
  RealtimeReport realtime_{};
  mutable std::mutex life_;
  std::thread thread_;
  int owner_pid_ = 0;
};

}  // namespace motorium
