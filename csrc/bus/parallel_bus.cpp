#include "bus/parallel_bus.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "io/monotonic.hpp"

namespace motorium {
namespace {

template <class T>
void copy_range(const PerJoint<T>& from, PerJoint<T>& to, std::uint32_t first, std::uint32_t n) noexcept {
  std::copy_n(from.begin(), n, to.begin() + first);
}

}  // namespace

ParallelBus::ParallelBus(std::vector<std::unique_ptr<JointBus>> buses, std::vector<std::uint32_t> joints) {
  std::uint32_t first = 0;
  if (buses.empty() || buses.size() != joints.size()) throw std::invalid_argument("one joint count per bus");
  for (std::size_t i = 0; i < buses.size(); ++i) {
    auto lane = std::make_unique<Lane>();
    lane->bus = std::move(buses[i]);
    lane->first = first;
    lane->joints = joints[i];
    first += joints[i];
    lanes_.push_back(std::move(lane));
  }
  if (first > kMaxJoints)
    throw std::invalid_argument("at most " + std::to_string(kMaxJoints) + " joints on all buses together");
  for (std::size_t i = 1; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    lane.thread = std::thread([this, &lane] { serve(lane); });
  }
}

ParallelBus::~ParallelBus() {
  for (const auto& lane : lanes_) {
    if (!lane->thread.joinable()) continue;
    lane->task.store(Task::leave, std::memory_order_release);
    lane->task.notify_all();
    lane->thread.join();
  }
}

void ParallelBus::serve(Lane& lane) noexcept {
  for (;;) {
    lane.task.wait(Task::none, std::memory_order_acquire);
    const Task task = lane.task.load(std::memory_order_acquire);
    if (task == Task::leave) return;
    carry_out(lane, task);
    lane.task.store(Task::none, std::memory_order_release);
    lane.task.notify_all();
  }
}

void ParallelBus::carry_out(Lane& lane, Task task) noexcept {
  if (task == Task::read) lane.status = lane.bus->read_state(lane.state);
  if (task == Task::write) lane.status = lane.bus->write_goal(goal_->part(lane.first, lane.joints));
  if (task == Task::torque_on) lane.status = lane.bus->set_torque(true);
  if (task == Task::torque_off) lane.status = lane.bus->set_torque(false);
}

/// Called at the first request, because the control thread gets its real-time priority only once it runs.
void ParallelBus::inherit_priority() noexcept {
  settled_ = true;
  int policy = SCHED_OTHER;
  sched_param priority{};
  if (::pthread_getschedparam(::pthread_self(), &policy, &priority) != 0) return;
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) ::pthread_setschedparam(lane->thread.native_handle(), policy, &priority);
  }
}

BusStatus ParallelBus::run_all(Task task) noexcept {
  if (!settled_) inherit_priority();
  for (std::size_t i = 1; i < lanes_.size(); ++i) {
    lanes_[i]->task.store(task, std::memory_order_release);
    lanes_[i]->task.notify_all();
  }
  carry_out(*lanes_[0], task);
  for (std::size_t i = 1; i < lanes_.size(); ++i) lanes_[i]->task.wait(task, std::memory_order_acquire);
  return judge();
}

BusStatus ParallelBus::judge() const noexcept {
  BusStatus worst = BusStatus::ok;
  bool all_closed = true;
  for (const auto& lane : lanes_) {
    const bool closed = lane->status == BusStatus::closed;
    all_closed = all_closed && closed;
    worst = std::max(worst, closed ? BusStatus::io_error : lane->status);
  }
  return all_closed ? BusStatus::closed : worst;
}

BusStatus ParallelBus::read_state(JointState& state) noexcept {
  const BusStatus worst = run_all(Task::read);
  state.t_ns = monotonic_ns();
  state.n = lanes_.back()->first + lanes_.back()->joints;
  for (const auto& lane : lanes_) {
    const JointState& own = lane->state;
    const std::uint32_t first = lane->first, n = lane->joints;
    copy_range(own.position_rad, state.position_rad, first, n);
    copy_range(own.velocity_rad_s, state.velocity_rad_s, first, n);
    copy_range(own.effort, state.effort, first, n);
    copy_range(own.voltage_v, state.voltage_v, first, n);
    copy_range(own.temperature_c, state.temperature_c, first, n);
    copy_range(own.status, state.status, first, n);
    copy_range(own.joint_t_ns, state.joint_t_ns, first, n);
  }
  return worst;
}

BusStatus ParallelBus::write_goal(const GatedGoal& goal) noexcept {
  if (goal.size() != lanes_.back()->first + lanes_.back()->joints) return BusStatus::io_error;
  goal_ = &goal;
  return run_all(Task::write);
}

BusStatus ParallelBus::set_torque(bool on) noexcept {
  if (!on) return run_all(Task::torque_off);
  const BusStatus status = run_all(Task::torque_on);
  if (status != BusStatus::ok) run_all(Task::torque_off);
  return status;
}

BusCounters ParallelBus::counters() const noexcept {
  BusCounters sum;
  for (const auto& lane : lanes_) {
    const BusCounters own = lane->bus->counters();
    sum.cycles += own.cycles;
    sum.crc_errors += own.crc_errors;
    sum.timeouts += own.timeouts;
    sum.length_errors += own.length_errors;
    sum.wrong_id += own.wrong_id;
    sum.flushed_bytes += own.flushed_bytes;
    sum.late_replies += own.late_replies;
    sum.io_errors += own.io_errors;
    sum.refusals += own.refusals;
  }
  return sum;
}

LatencyReport ParallelBus::latency() const noexcept {
  LatencyReport worst;
  for (const auto& lane : lanes_) {
    const LatencyReport own = lane->bus->latency();
    if (own.setting > worst.setting) worst.setting = own.setting;
    worst.timer_ms = std::max(worst.timer_ms, own.timer_ms);
  }
  return worst;
}

std::string ParallelBus::torque_problem() const {
  std::string all;
  for (const auto& lane : lanes_) {
    const std::string own = lane->bus->torque_problem();
    if (!own.empty()) all += (all.empty() ? "" : "; ") + own;
  }
  return all;
}

WatchedBy ParallelBus::watched_by() const {
  WatchedBy all{};
  for (const auto& lane : lanes_) all = all | lane->bus->watched_by();
  return all;
}

/// Interleaves the packets of all buses, so that all arms sink together.
ShutdownSequence ParallelBus::shutdown_sequence() const {
  ShutdownSequence all;
  std::vector<ShutdownSequence> parts;
  std::size_t longest = 0;
  for (const auto& lane : lanes_) {
    parts.push_back(lane->bus->shutdown_sequence());
    longest = std::max(longest, parts.back().packets.size());
  }
  for (std::size_t k = 0; k < longest; ++k) {
    std::size_t last = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (k < parts[i].packets.size()) last = i;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (k >= parts[i].packets.size()) continue;
      ShutdownSequence::Packet packet = parts[i].packets[k];
      packet.line = all.line_of(parts[i].fds[packet.line]);
      if (i != last) packet.pause_ns = 0;
      all.packets.push_back(packet);
    }
  }
  return all;
}

}  // namespace motorium
