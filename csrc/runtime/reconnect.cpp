#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "runtime/control_loop.hpp"

namespace motorium {
namespace {

/// In place of a bus that went away: its port must be closed for the adapter to get its old name back.
class AbsentBus final : public JointBus {
 public:
  explicit AbsentBus(const BusCounters& counters) : counters_(counters) {}
  BusStatus read_state(JointState&) noexcept override { return BusStatus::closed; }
  BusStatus write_goal(const GatedGoal&) noexcept override { return BusStatus::closed; }
  BusStatus set_torque(bool) noexcept override { return BusStatus::closed; }
  BusCounters counters() const noexcept override { return counters_; }

 private:
  BusCounters counters_;
};

}  // namespace

/// Whoever holds `life_` knows that the control thread runs: it takes what is offered within a tick.
void ControlLoop::exchange(Exchange& with) {
  offered_.store(&with, std::memory_order_release);
  while (offered_.load(std::memory_order_acquire) != nullptr) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void ControlLoop::take_bus() noexcept {
  Exchange* const offer = offered_.load(std::memory_order_acquire);
  if (offer == nullptr) return;
  std::swap(bus_, offer->bus);
  std::swap(supervisor_, offer->supervisor);
  if (offer->connected) {
    now_.bus_status = BusStatus::ok;
    now_.bad_reads_in_a_row = 0;
    now_.torque_confirmed = false;
    core_.reconnected();
  }
  offered_.store(nullptr, std::memory_order_release);
}

void ControlLoop::reconnect(const std::function<std::unique_ptr<JointBus>()>& open) {
  const std::lock_guard lock(life_);
  const CoreSnapshot core = core_.snapshot();
  const bool lost = core.reason == Reason::bus_closed || core.reason == Reason::bus_errors ||
                    published_.read().bus_status == BusStatus::closed;
  if (!thread_.joinable() || stop_.load()) throw std::logic_error("the control loop does not run");
  if (!lost) throw std::logic_error("the bus is well: there is nothing to reconnect");
  {
    Exchange gone{std::make_unique<AbsentBus>(published_.read().bus), nullptr, false};
    exchange(gone);
  }
  Exchange found{open(), nullptr, true};
  const Farewell farewell = found.bus->farewell();
  if (!farewell.packets.empty()) found.supervisor = std::make_unique<Supervisor>(farewell);
  exchange(found);
}

/// Whoever holds `life_` knows that the bus is not exchanged.
std::string ControlLoop::torque_problem() const {
  const std::lock_guard lock(life_);
  return bus_ ? bus_->torque_problem() : std::string{};
}

}  // namespace motorium
