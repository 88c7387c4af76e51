#include "emulator/servo_emulator.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "emulator/chain_family.hpp"
#include "emulator/pseudo_terminal.hpp"
#include "io/monotonic.hpp"

namespace motorium {

struct ServoEmulator::Impl {
  std::unique_ptr<VirtualChain> chain;
  std::atomic<bool> own_bauds{false};
  mutable std::mutex mutex;  // guards the chain; held for the length of one packet
  PseudoTerminal terminal;   // last, because its thread uses the others
};

ServoEmulator::ServoEmulator(const std::string& family, const ServoModels& servos)
    : impl_(std::make_unique<Impl>()) {
  impl_->chain = make_chain(family, servos);
  Impl* const impl = impl_.get();
  impl->terminal.start({
      [impl](std::span<const std::uint8_t> bytes) {
        const std::uint32_t baud = impl->own_bauds ? impl->terminal.speed() : 0;
        const std::lock_guard lock(impl->mutex);
        impl->chain->listen_at(baud);
        impl->chain->consume(bytes);
      },
      [impl](std::int64_t& next_ns) {
        const std::lock_guard lock(impl->mutex);
        return impl->chain->line.due(monotonic_ns(), next_ns);
      },
      [impl](std::size_t bytes) {
        const std::lock_guard lock(impl->mutex);
        impl->chain->line.stats.dropped_bytes += bytes;
      },
  });
}

ServoEmulator::~ServoEmulator() = default;

void ServoEmulator::close() noexcept { impl_->terminal.close(); }
const std::string& ServoEmulator::port() const noexcept { return impl_->terminal.port(); }
std::size_t ServoEmulator::size() const noexcept { return impl_->chain->size(); }

int ServoEmulator::find(std::uint8_t id) const noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < size(); ++i) {
    if (impl_->chain->servo(i).id() == id) return static_cast<int>(i);
  }
  return -1;
}

void ServoEmulator::update(std::span<const ServoPresent> present) noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < std::min(present.size(), size()); ++i)
    impl_->chain->servo(i).update(present[i]);
}

void ServoEmulator::goals(std::span<ServoGoal> out) const noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < std::min(out.size(), size()); ++i) out[i] = impl_->chain->servo(i).goal();
}

VirtualServo::Table ServoEmulator::registers(std::size_t servo) const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->chain->servo(servo).bytes();
}

void ServoEmulator::poke(std::size_t servo, std::uint16_t address,
                         std::span<const std::uint8_t> data) noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->chain->servo(servo).poke(address, data);
}

void ServoEmulator::set_fault(ServoFault fault, int servo, std::uint32_t period, double delay_s) noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->chain->line.faults.set(fault, servo, period);
  impl_->chain->line.set_delay_ns(static_cast<std::int64_t>(delay_s * static_cast<double>(kNsPerS)));
}

void ServoEmulator::set_condition(const ServoCondition& condition, int servo) noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < size(); ++i) {
    if (servo < 0 || servo == static_cast<int>(i)) impl_->chain->servo(i).set_condition(condition);
  }
}

void ServoEmulator::set_wire(std::uint32_t baud) noexcept {
  impl_->terminal.set_punctual(baud > 0);
  const std::lock_guard lock(impl_->mutex);
  impl_->chain->line.set_wire(baud);
}

void ServoEmulator::set_baud(std::uint32_t baud) noexcept { impl_->terminal.set_baud(baud); }

void ServoEmulator::set_own_bauds() noexcept { impl_->own_bauds = true; }

void ServoEmulator::program(std::size_t servo, std::uint16_t address,
                            std::span<const std::uint8_t> data) noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->chain->servo(servo).program(address, data);
}

void ServoEmulator::connect(std::size_t servo, bool on) noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->chain->connect(servo, on);
}

void ServoEmulator::power_cycle(int servo) noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (std::size_t i = 0; i < size(); ++i) {
    if (servo < 0 || servo == static_cast<int>(i)) impl_->chain->servo(i).power_cycle();
  }
}

void ServoEmulator::unplug(std::size_t servo) noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->chain->unplug_from(servo);
}

void ServoEmulator::replug() noexcept {
  const std::lock_guard lock(impl_->mutex);
  impl_->chain->replug();
}

EmulatorStats ServoEmulator::stats() const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->chain->line.stats;
}

}  // namespace motorium
