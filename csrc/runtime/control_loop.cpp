#include "runtime/control_loop.hpp"

#include <unistd.h>

#include <ctime>

#include <algorithm>
#include <stdexcept>

#include "io/monotonic.hpp"
#include "runtime/live_loops.hpp"

namespace motorium {
namespace {

constexpr std::uint32_t kTorqueOffAttempts = 6;  // each asks every servo several times
constexpr std::int64_t kSwitchNs = 2 * kNsPerS;  // switching torque takes many exchanges with retries

void sleep_until(std::int64_t t_ns) noexcept {
  const timespec deadline{static_cast<std::time_t>(t_ns / kNsPerS), static_cast<long>(t_ns % kNsPerS)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) != 0) {
  }
}

/// Stamps the readings of this tick with the caller's clock instead of the bus's.
void restamp(JointState& state, std::int64_t now_ns) noexcept {
  for (std::uint32_t j = 0; j < state.n; ++j)
    if (state.joint_t_ns[j] == state.t_ns) state.joint_t_ns[j] = now_ns;
  state.t_ns = now_ns;
}

}  // namespace

ControlLoop::ControlLoop(ControlConfig config, std::unique_ptr<JointBus> bus, const LoopConfig& loop)
    : loop_(loop),
      period_ns_(static_cast<std::int64_t>(1e9 / config.rate_hz)),
      bus_(std::move(bus)),
      core_(config),
      history_(static_cast<std::size_t>(loop.history_s * config.rate_hz), config.limits.n_joints) {
  LiveLoops::instance();  // created before any thread, so that it outlives them
}

ControlLoop::~ControlLoop() { stop(); }

void ControlLoop::start() {
  const std::lock_guard lock(life_);
  if (thread_.joinable() || stop_.load()) return;
  bus_.start();
  now_.alive = true;
  publish();
  owner_pid_ = ::getpid();
  LiveLoops::instance().add(this);
  thread_ = std::thread([this] { run(); });
}

void ControlLoop::stop() {
  const std::lock_guard lock(life_);
  stop_.store(true, std::memory_order_release);
  if (!thread_.joinable()) return;
  if (::getpid() == owner_pid_) {
    thread_.join();
    bus_.close();  // frees the port now, even if somebody still holds this object
  } else {
    // A forked child has the object but not the thread, and must not move the arm. Not even detached: there, a
    // thread of the child's own may have taken its place.
    static_cast<void>(new std::thread(std::move(thread_)));
  }
  LiveLoops::instance().remove(this);
}

void ControlLoop::follow(const ControlLoop& leader, const LeaderMap& map) {
  const std::lock_guard lock(callers_);
  leaders_.push_back(std::make_unique<const Leader>(Leader{leader, map}));
  leader_.store(leaders_.back().get(), std::memory_order_release);
}

bool ControlLoop::engage() noexcept {
  const CoreSnapshot core = core_.snapshot();
  const bool ready = core.mode == Mode::holding || core.mode == Mode::running;
  if (!ready || leader_.load(std::memory_order_acquire) == nullptr) return false;
  engaged_epoch_.store(core.epoch, std::memory_order_release);
  return true;
}

/// Never waits for a leader's reading that is just being written: the one before will do.
void ControlLoop::feed_stream(std::int64_t now_ns) noexcept {
  const std::uint64_t epoch = engaged_epoch_.load(std::memory_order_acquire);
  const Leader* leader = leader_.load(std::memory_order_acquire);
  if (epoch == 0 || leader == nullptr) return;
  JointState newest;
  if (leader->loop.state_.try_read(newest)) leader_now_ = newest;
  PerJoint<float> goal{};
  if (leader->map.apply(leader_now_, now_ns, core_.setpoint_rad(), goal)) core_.stream(goal, epoch);
}

PushStatus ControlLoop::push_chunk(const ChunkView& chunk) noexcept {
  const std::lock_guard lock(callers_);
  return core_.push_chunk(chunk, lock_step_ ? core_.snapshot().t_ns : monotonic_ns());
}

void ControlLoop::committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows,
                            std::span<float> out_rad) const noexcept {
  const std::lock_guard lock(callers_);
  core_.committed(t0_ns, dt_ns, rows, out_rad);
}

ChunkCounters ControlLoop::chunk_counters() const noexcept {
  const std::lock_guard lock(callers_);
  return core_.chunk_counters();
}

RealtimeReport ControlLoop::realtime() const {
  const std::lock_guard lock(report_mutex_);
  return realtime_;
}

void ControlLoop::run() noexcept {
  {
    const RealtimeReport report =
        make_realtime({loop_.rt_priority, core_.config().cpu},
                      {{this, sizeof(*this)}, {history_.ring().memory(), history_.ring().memory_bytes()}});
    const std::lock_guard lock(report_mutex_);
    realtime_ = report;
  }
  std::int64_t grid_ns = monotonic_ns();
  last_woke_ns_ = grid_ns;
  while (!leaving()) {
    grid_ns += period_ns_;
    sleep_until(grid_ns);
    tick(grid_ns, monotonic_ns());
    const std::int64_t now_ns = monotonic_ns();
    if (rebase_) {  // switching torque took several exchanges with every servo
      grid_ns = now_ns;
      last_woke_ns_ = now_ns;
      rebase_ = false;
    } else if (now_ns > grid_ns + period_ns_) {
      const std::int64_t skipped = (now_ns - grid_ns) / period_ns_;
      now_.missed += static_cast<std::uint64_t>(skipped);
      grid_ns += skipped * period_ns_;
    }
  }
  now_.alive = false;
  publish();
}

/// Carries out the exit policy after stop(), until the park time-out at most, then makes sure torque is off.
bool ControlLoop::leaving() noexcept {
  if (!stop_.load(std::memory_order_acquire)) return false;
  const RestPolicy policy = core_.config().exit;
  const bool dead = now_.bus_status == BusStatus::closed;
  if (leave_by_ns_ == 0) {
    leave_by_ns_ = monotonic_ns() + core_.config().park_timeout_ns + kNsPerS / 2;
    if (policy == RestPolicy::park && !dead) core_.park();
  }
  const ModeMachine& core = core_.mode();
  const Mode mode = core.mode();
  if (policy == RestPolicy::park && mode == Mode::fault && now_.bad_reads_in_a_row == 0 && !dead)
    core_.park();
  // Nothing moves after an emergency stop, so there is no way to a rest pose.
  const bool at_rest = mode == Mode::released || mode == Mode::idle || core.state() == State::stopped_off;
  if (policy == RestPolicy::park && !dead && !at_rest && monotonic_ns() < leave_by_ns_) return false;
  if (policy != RestPolicy::hold || mode == Mode::fault) {
    core_.release();
    for (std::uint32_t i = 0; i < kTorqueOffAttempts && now_.torque_on && !dead; ++i)
      switch_torque(TorqueRequest::off);
  }
  return true;
}

void ControlLoop::drain_requests() noexcept {
  now_.requests_done += requests_.drain([this](const Request& request) { handle(request); });
  if (estop_asked_.exchange(false, std::memory_order_acq_rel) || stop_inputs_.pressed()) core_.estop();
}

void ControlLoop::handle(const Request& request) noexcept {
  // A dead bus takes no commands: report the fault at once instead of letting callers run into a time-out.
  const bool dead = now_.bus_status == BusStatus::closed;
  switch (request.kind) {
    case Request::Kind::enable:
      if (!dead && !stop_.load(std::memory_order_relaxed)) core_.enable();
      break;
    case Request::Kind::move_to:
      core_.move_to(request.target_rad, request.fraction, request.ticket);
      break;
    case Request::Kind::cancel_move:
      core_.cancel_move(request.ticket);
      break;
    case Request::Kind::hold:
      core_.hold();
      break;
    case Request::Kind::park:
      if (!dead) core_.park();
      break;
    case Request::Kind::release:
      if (!dead) core_.release();
      break;
    case Request::Kind::accept_position:
      core_.accept_position();
      break;
    case Request::Kind::reset_estop:
      if (stop_inputs_.released() && !now_.torque_on) core_.reset_estop();
      break;
  }
}

void ControlLoop::judge_read(BusStatus status) noexcept {
  now_.bus_status = status;
  const std::int64_t newest_ns =
      joints_now_.n == 0
          ? 0
          : *std::max_element(joints_now_.joint_t_ns.begin(), joints_now_.joint_t_ns.begin() + joints_now_.n);
  const bool good =
      (status == BusStatus::ok || status == BusStatus::stale_joints) && newest_ns > newest_joint_ns_;
  newest_joint_ns_ = std::max(newest_ns, newest_joint_ns_);
  if (good) {
    if (now_.bad_reads_in_a_row >= loop_.hold_after_bad_reads && core_.mode().reason() == Reason::bus_errors)
      core_.hold();  // ready for chunks again; a motion requested meanwhile continues
    now_.bad_reads_in_a_row = 0;
    return;
  }
  ++now_.bad_reads;
  ++now_.bad_reads_in_a_row;
  if (status == BusStatus::closed) {
    core_.fault(Reason::bus_closed);
  } else if (now_.bad_reads_in_a_row >= loop_.fault_after_bad_reads) {
    core_.fault(Reason::bus_errors);
  } else if (now_.bad_reads_in_a_row == loop_.hold_after_bad_reads) {
    core_.hold(Reason::bus_errors);
  }
}

void ControlLoop::switch_torque(TorqueRequest request) noexcept {
  if (request == TorqueRequest::none || now_.bus_status == BusStatus::closed) return;
  rebase_ = true;
  const bool on = request == TorqueRequest::on;
  const bool taken = bus_.supervisor_busy() || !bus_.arm_deadline(monotonic_ns() + kSwitchNs);
  const BusStatus status = on && taken ? BusStatus::io_error : bus_.bus().set_torque(on);
  now_.torque_confirmed = on && status == BusStatus::ok;
  if (status == BusStatus::ok) {
    now_.torque_on = on;
    if (!on) bus_.disarm();
    return;
  }
  ++now_.torque_failures;
  if (status == BusStatus::closed) now_.bus_status = status;
  if (on) core_.torque_refused(status == BusStatus::closed ? Reason::bus_closed : Reason::bus_errors);
  now_.torque_on = true;  // unknown counts as on, so it is switched off again before the thread ends
}

/// Sends the heartbeat, or releases the arm when the supervisor has already taken the torque. When the
/// supervisor is lost, brings the arm to rest: nobody would take its torque if this process died.
void ControlLoop::keep_supervised(std::int64_t now_ns) noexcept {
  if (bus_.supervisor_lost(now_ns)) core_.lose_supervisor();
  // A supervisor that was only stopped may resume: it must not find a deadline long past.
  if (!now_.torque_on || bus_.arm_deadline(now_ns + loop_.frozen_after_ns)) return;
  core_.release();
  core_.fault(Reason::frozen);
  switch_torque(TorqueRequest::off);
}

void ControlLoop::take_bus() noexcept {
  if (!bus_.take_exchanged()) return;
  now_.bus_status = BusStatus::ok;
  now_.bad_reads_in_a_row = 0;
  now_.torque_confirmed = false;
  core_.reconnected();
}

void ControlLoop::reconnect(const std::function<std::unique_ptr<JointBus>()>& open) {
  const std::lock_guard lock(life_);
  const CoreSnapshot core = core_.snapshot();
  const LoopSnapshot loop = published_.read();
  const bool lost = core.reason == Reason::bus_closed || core.reason == Reason::bus_errors ||
                    loop.bus_status == BusStatus::closed;
  if (!thread_.joinable() || stop_.load()) throw std::logic_error("the control loop does not run");
  if (!lost) throw std::logic_error("the bus is well: there is nothing to reconnect");
  bus_.exchange(loop.bus, open);
}

/// Holding `life_` means that the bus is not being exchanged.
std::string ControlLoop::torque_problem() const {
  const std::lock_guard lock(life_);
  return bus_.torque_problem();
}

void ControlLoop::tick(std::int64_t grid_ns, std::int64_t woke_ns) noexcept {
  take_bus();
  keep_supervised(woke_ns);
  const BusStatus read = bus_.bus().read_state(joints_now_);
  if (lock_step_) restamp(joints_now_, grid_ns);
  judge_read(read);
  drain_requests();
  feed_stream(woke_ns);
  TickResult result = core_.tick(grid_ns, joints_now_);
  if (now_.bad_reads_in_a_row > 0) result.events |= kEventBadRead;
  switch_torque(result.torque);
  if (core_.mode().state() == State::stopped_off && now_.torque_on)
    switch_torque(TorqueRequest::off);  // repeated until confirmed
  if (result.goal && now_.bus_status != BusStatus::closed) {
    const BusStatus status = bus_.bus().write_goal(*result.goal);
    if (status == BusStatus::closed) {
      now_.bus_status = status;
      core_.fault(Reason::bus_closed);
    }
  }
  ++now_.ticks;
  now_.bus = bus_.bus().counters();
  record(grid_ns, woke_ns, result);
  state_.publish(joints_now_);
  publish();
}

void ControlLoop::step(std::int64_t now_ns) {
  const std::lock_guard lock(life_);
  if (thread_.joinable() || stop_.load()) throw std::logic_error("this loop has a thread of its own");
  lock_step_ = true;
  tick(now_ns, now_ns);
}

void ControlLoop::record(std::int64_t grid_ns, std::int64_t woke_ns, const TickResult& result) noexcept {
  TickRecord record;
  record.t_ns = grid_ns;
  record.state_t_ns = joints_now_.t_ns;
  record.tick = now_.ticks;
  if (woke_ns != last_woke_ns_) periods_.add(woke_ns - last_woke_ns_);
  record.period_us = static_cast<std::uint32_t>((woke_ns - last_woke_ns_) / 1000);
  last_woke_ns_ = woke_ns;
  // What came after the core's tick, such as a bus lost while its goal was written, is of this tick too.
  record.events =
      result.events | core_.take_events() | (now_.missed != missed_recorded_ ? kEventMissedTick : 0u);
  missed_recorded_ = now_.missed;
  record.mode = core_.mode().mode();
  record.verdict = static_cast<std::uint8_t>(result.verdict);
  record.gate_causes = static_cast<std::uint16_t>(core_.gate_causes());
  record.position_rad = joints_now_.position_rad;
  record.velocity_rad_s = joints_now_.velocity_rad_s;
  record.effort = joints_now_.effort;
  record.seam = result.seam;
  if (joints_now_.n > 0) {
    const std::int64_t oldest_ns =
        *std::min_element(joints_now_.joint_t_ns.begin(), joints_now_.joint_t_ns.begin() + joints_now_.n);
    ages_.add((lock_step_ ? grid_ns : monotonic_ns()) - oldest_ns);
  }
  record.setpoint_rad = core_.setpoint_rad();
  record.goal_rad = core_.goal_rad();
  history_.push(record);
}

}  // namespace motorium
