#include "bus/relayed_bus.hpp"

#include <algorithm>
#include <chrono>

namespace motorium {
namespace {

constexpr std::chrono::milliseconds kReadings{20};
constexpr std::chrono::seconds kTorque{2};

}  // namespace

void Relay::publish(const JointState& state) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  ++published_;
  for (std::uint32_t j = 0; j < state.n; ++j) counters_.timeouts += state.joint_t_ns[j] < state.t_ns;
  ++counters_.cycles;
  news_.notify_all();
}

Relay::Goal Relay::goal() const {
  const std::lock_guard lock(mutex_);
  return goal_;
}

Relay::TorqueRequest Relay::torque_request() const {
  const std::lock_guard lock(mutex_);
  return torque_request_;
}

void Relay::done(std::uint64_t ticket, BusStatus status) {
  const std::lock_guard lock(mutex_);
  done_ = ticket;
  outcome_ = status;
  news_.notify_all();
}

void Relay::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  news_.notify_all();
}

bool Relay::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

BusStatus RelayedBus::read_state(JointState& state) noexcept {
  std::unique_lock lock(relay_->mutex_);
  const bool fresh = relay_->news_.wait_for(lock, kReadings,
                                            [this] { return relay_->closed_ || relay_->published_ > seen_; });
  if (relay_->closed_) return BusStatus::closed;
  if (relay_->published_ == 0) return BusStatus::io_error;
  seen_ = relay_->published_;
  state = relay_->state_;
  const auto* const times = state.joint_t_ns.data();
  const bool whole = std::all_of(times, times + state.n, [&](std::int64_t t) { return t == state.t_ns; });
  return fresh && whole ? BusStatus::ok : BusStatus::stale_joints;
}

BusStatus RelayedBus::write_goal(const GatedGoal& goal) noexcept {
  const std::lock_guard lock(relay_->mutex_);
  if (relay_->closed_) return BusStatus::closed;
  if (goal.size() != relay_->joints_) return BusStatus::io_error;
  relay_->goal_ = {goal.position_rad(), goal.size(), ++relay_->goals_};
  return BusStatus::ok;
}

BusStatus RelayedBus::set_torque(bool on) noexcept {
  std::unique_lock lock(relay_->mutex_);
  if (relay_->closed_) return BusStatus::closed;
  relay_->goal_ = {};
  relay_->torque_request_ = {relay_->torque_request_.ticket + 1, on};
  const std::uint64_t ticket = relay_->torque_request_.ticket;
  relay_->news_.wait_for(lock, kTorque, [&] { return relay_->closed_ || relay_->done_ == ticket; });
  if (relay_->closed_) return BusStatus::closed;
  return relay_->done_ == ticket ? relay_->outcome_ : BusStatus::io_error;
}

BusCounters RelayedBus::counters() const noexcept {
  const std::lock_guard lock(relay_->mutex_);
  return relay_->counters_;
}

}  // namespace motorium
