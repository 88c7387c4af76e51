// ControlLoop on a fake bus: no allocation on the control thread, faults, parking, exit. One check per
// argument.

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "checks.hpp"
#include "fake_bus.hpp"
#include "runtime/control_loop.hpp"

extern "C" void* __libc_malloc(std::size_t);

namespace {
std::atomic<std::uint64_t> g_foreign_mallocs{0};
}

/// Counts what every thread but the main one allocates (operator new ends here too).
extern "C" void* malloc(std::size_t bytes) {
  if (::gettid() != ::getpid()) g_foreign_mallocs.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(bytes);
}

namespace {

using namespace motorium;
using test::FakeBus;

constexpr std::uint32_t kJoints = 3;

ControlConfig config() {
  ControlConfig config;
  config.limits.n_joints = kJoints;
  config.limits.dt_s = 0.002f;
  config.limits.max_state_age_ns = 100'000'000;
  config.limits.max_command_age_ns = 500'000'000;
  config.limits.trip_after = 20;
  for (std::uint32_t j = 0; j < kJoints; ++j) config.limits.joint[j] = {-2.0f, 2.0f, 20.0f, 2000.0f, 0.8f};
  config.rate_hz = 500.0;
  config.park_timeout_ns = 3'000'000'000;
  return config;
}

struct Bench {
  FakeBus::Controls controls;
  ControlLoop loop{config(), std::make_unique<FakeBus>(kJoints, controls)};

  template <class Condition>
  bool wait(Condition condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  bool wait_mode(Mode mode) {
    return wait([&] { return loop.core_snapshot().mode == mode; });
  }
  bool up() {
    loop.start();
    loop.enable();
    return wait_mode(Mode::holding) && controls.torque.load();
  }
  PushStatus push(float from, float to) {
    std::vector<float> rows;
    for (int i = 0; i < 16; ++i)
      for (std::uint32_t j = 0; j < kJoints; ++j)
        rows.push_back(from + (to - from) * static_cast<float>(i) / 15.0f);
    return loop.push_chunk({rows, 16, monotonic_ns(), 20'000'000, 1});
  }
};

int no_allocation() {
  Bench bench;
  CHECK(bench.up());
  const std::uint64_t ticks = bench.loop.loop_snapshot().ticks, before = g_foreign_mallocs.load();
  CHECK(bench.push(0.5f, 0.8f) == PushStatus::accepted);
  CHECK(bench.wait_mode(Mode::running));
  bench.loop.hold();
  CHECK(bench.wait_mode(Mode::holding));
  PerJoint<float> target{};
  bench.loop.move_to(target, 1.0f);
  CHECK(bench.wait_mode(Mode::moving) && bench.wait_mode(Mode::holding));
  CHECK(bench.wait([&] { return bench.loop.loop_snapshot().ticks > ticks + 500; }));
  CHECK(g_foreign_mallocs.load() == before);
  CHECK(bench.controls.largest_step_rad.load() <= 20.0f * 0.002f + 1e-5f);
  return 0;
}

int unplug() {
  Bench bench;
  CHECK(bench.up());
  CHECK(bench.push(0.5f, 0.8f) == PushStatus::accepted);
  CHECK(bench.wait_mode(Mode::running));
  bench.controls.status = BusStatus::closed;
  CHECK(bench.wait_mode(Mode::fault));
  CHECK(bench.loop.core_snapshot().reason == Reason::bus_closed);
  CHECK(bench.push(0.5f, 0.8f) == PushStatus::not_running);
  const auto start = std::chrono::steady_clock::now();
  bench.loop.stop();
  CHECK(std::chrono::steady_clock::now() - start <
        std::chrono::seconds(1));  // nothing to park: no waiting for a time-out
  return 0;
}

/// The tick that finds the bus gone is the one that says so.
int lost_at_write() {
  Bench bench;
  CHECK(bench.up());
  bench.controls.lost_at_write = true;
  CHECK(bench.wait_mode(Mode::fault));
  const std::uint64_t seen = bench.loop.history().end();
  CHECK(bench.wait([&] { return bench.loop.history().end() > seen + 2; }));
  TickRecord record;
  std::uint64_t i = bench.loop.history().begin();
  while (bench.loop.history().get(i, record) && record.mode != Mode::fault) ++i;
  CHECK((record.events & kEventModeChange) != 0);
  CHECK(bench.loop.history().get(i + 1, record) && record.mode == Mode::fault);
  CHECK((record.events & kEventModeChange) == 0);
  return 0;
}

int bus_errors() {
  Bench bench;
  CHECK(bench.up());
  CHECK(bench.push(0.5f, 1.9f) == PushStatus::accepted);
  CHECK(bench.wait_mode(Mode::running));
  bench.controls.status = BusStatus::io_error;
  CHECK(bench.wait([&] { return bench.loop.core_snapshot().reason == Reason::bus_errors; }));
  CHECK(bench.push(0.5f, 1.9f) == PushStatus::not_running);
  CHECK(bench.wait_mode(Mode::fault));
  bench.controls.status = BusStatus::ok;
  bench.loop.park();
  CHECK(bench.wait_mode(Mode::released));
  CHECK(!bench.controls.torque.load());
  CHECK(std::abs(bench.controls.first_joint_rad.load()) < 0.05f);
  return 0;
}

int destructor_parks() {
  FakeBus::Controls controls;
  {
    ControlLoop loop(config(), std::make_unique<FakeBus>(kJoints, controls));
    loop.start();
    loop.enable();
    while (!controls.torque.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(!controls.torque.load());
  CHECK(std::abs(controls.first_joint_rad.load()) < 0.05f);
  return 0;
}

FakeBus::Controls* g_exit_controls = nullptr;

int exit_parks() {
  static FakeBus::Controls controls;
  g_exit_controls = &controls;
  // Registered before the loop exists, so it runs after the loops were stopped.
  std::atexit([] {
    const bool safe =
        !g_exit_controls->torque.load() && std::abs(g_exit_controls->first_joint_rad.load()) < 0.05f;
    if (!safe) std::_Exit(1);
  });
  auto* loop = new ControlLoop(config(), std::make_unique<FakeBus>(kJoints, controls));
  loop->start();
  loop->enable();
  while (!controls.torque.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::exit(0);  // nobody stops the loop
}

int state_at() {
  Bench bench;
  CHECK(bench.up());
  CHECK(bench.push(0.5f, 1.5f) == PushStatus::accepted);
  CHECK(bench.wait_mode(Mode::running));
  CHECK(bench.wait([&] { return bench.controls.first_joint_rad.load() > 0.9f; }));
  const auto& history = bench.loop.history();
  TickRecord a, b, between;
  const std::uint64_t last = history.end() - 1;
  CHECK(history.get(last - 20, a) && history.get(last - 19, b));
  const std::int64_t middle = a.state_t_ns + (b.state_t_ns - a.state_t_ns) / 2;
  CHECK(bench.loop.state_at(middle, between));
  CHECK(between.state_t_ns == middle);
  CHECK(std::abs(between.position_rad[0] - 0.5f * (a.position_rad[0] + b.position_rad[0])) < 1e-4f);
  CHECK(bench.loop.state_at(0, between) && between.tick >= 1);               // older than memory: the oldest
  CHECK(bench.loop.state_at(INT64_MAX, between) && between.tick >= b.tick);  // the future: the newest
  PerJoint<float> setpoint;
  CHECK(!bench.loop.setpoint_at(INT64_MAX, setpoint));  // what will be in force is not known
  CHECK(bench.loop.setpoint_at(a.t_ns, setpoint) && setpoint[0] == a.setpoint_rad[0]);
  CHECK(bench.loop.setpoint_at(a.t_ns + (b.t_ns - a.t_ns) / 2, setpoint));
  CHECK(std::abs(setpoint[0] - 0.5f * (a.setpoint_rad[0] + b.setpoint_rad[0])) < 1e-5f);
  CHECK(bench.loop.setpoint_at(0, setpoint));  // older than memory: the oldest
  return 0;
}

int reconnect() {
  Bench bench;
  bench.loop.start();
  CHECK(bench.loop.enable() != 0 && bench.wait_mode(Mode::holding));
  const auto open = [&]() -> std::unique_ptr<JointBus> {
    if (bench.controls.status.load() == BusStatus::closed) throw std::runtime_error("not there yet");
    return std::make_unique<FakeBus>(kJoints, bench.controls);
  };
  const auto attempt = [&] {
    try {
      bench.loop.reconnect(open);
    } catch (const std::logic_error&) {
      return 1;
    } catch (const std::runtime_error&) {
      return 2;
    }
    return 0;
  };
  CHECK(attempt() == 1);  // the bus is well
  const std::uint64_t allocated = g_foreign_mallocs.load();
  bench.controls.status.store(BusStatus::closed);
  CHECK(bench.wait_mode(Mode::fault));
  CHECK(attempt() == 2 && attempt() == 2);
  bench.controls.status.store(BusStatus::ok);
  CHECK(attempt() == 0);
  CHECK(bench.wait_mode(Mode::released));
  const std::uint64_t writes = bench.controls.writes.load(), ticks = bench.loop.loop_snapshot().ticks;
  CHECK(bench.wait([&] { return bench.loop.loop_snapshot().ticks > ticks + 20; }));
  CHECK(bench.controls.writes.load() == writes);  // nothing is commanded
  CHECK(bench.controls.torque.load());            // nor is torque taken from servos that kept theirs
  CHECK(bench.loop.enable() != 0 && bench.wait_mode(Mode::holding));
  CHECK(g_foreign_mallocs.load() == allocated);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const motorium::test::NamedCheck checks[] = {
      {"no_allocation", no_allocation}, {"unplug", unplug},         {"lost_at_write", lost_at_write},
      {"reconnect", reconnect},         {"bus_errors", bus_errors}, {"destructor_parks", destructor_parks},
      {"exit_parks", exit_parks},       {"state_at", state_at}};
  return motorium::test::run_named(argc, argv, checks);
}
