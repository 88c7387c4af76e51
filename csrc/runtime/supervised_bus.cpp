#include "runtime/supervised_bus.hpp"

#include <chrono>
#include <thread>
#include <utility>

namespace motorium {
namespace {

/// Stands in for a closed bus: the port must be closed for the adapter to get its old name back.
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

std::unique_ptr<Supervisor> supervisor_of(const JointBus& bus) {
  const ShutdownSequence shutdown = bus.shutdown_sequence();
  return shutdown.packets.empty() ? nullptr : std::make_unique<Supervisor>(shutdown);
}

}  // namespace

void SupervisedBus::start() {
  watched_by_ = bus_->watched_by();
  supervisor_ = supervisor_of(*bus_);
}

void SupervisedBus::close() noexcept {
  supervisor_.reset();
  bus_.reset();
}

/// Only while the control thread runs, which takes the offer within a tick.
void SupervisedBus::hand_over(Offer& offer) {
  offered_.store(&offer, std::memory_order_release);
  while (offered_.load(std::memory_order_acquire) != nullptr) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void SupervisedBus::exchange(const BusCounters& counters,
                             const std::function<std::unique_ptr<JointBus>()>& open) {
  {
    Offer absent{std::make_unique<AbsentBus>(counters), nullptr, false};
    hand_over(absent);
  }
  Offer found{open(), nullptr, true};
  found.supervisor = supervisor_of(*found.bus);
  hand_over(found);
}

bool SupervisedBus::take_exchanged() noexcept {
  Offer* const offer = offered_.load(std::memory_order_acquire);
  if (offer == nullptr) return false;
  std::swap(bus_, offer->bus);
  std::swap(supervisor_, offer->supervisor);
  const bool connected = offer->connected;  // the next line returns the offer to its owner
  offered_.store(nullptr, std::memory_order_release);
  return connected;
}

}  // namespace motorium
