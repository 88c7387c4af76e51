// Requests that wait, on a fake bus, without Python: interrupted, timed out, withdrawn. One check per
// argument.

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "checks.hpp"
#include "fake_bus.hpp"
#include "io/bus_error.hpp"
#include "robot/requests.hpp"

namespace {

using namespace motorium;
using test::FakeBus;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kJoints = 3;

ControlConfig config() {
  ControlConfig config;
  config.limits.n_joints = kJoints;
  config.limits.dt_s = 0.002f;
  config.limits.max_state_age_ns = 100'000'000;
  config.limits.max_command_age_ns = 500'000'000;
  config.limits.trip_after = 20;
  for (std::uint32_t j = 0; j < kJoints; ++j) config.limits.joint[j] = {-2.0f, 2.0f, 2.0f, 200.0f, 0.8f};
  config.rate_hz = 500.0;
  config.park_timeout_ns = 3'000'000'000;
  config.estop_hold_ns = 20'000'000;
  return config;
}

/// What a test does to the bus from outside.
struct Hands {
  FakeBus::Controls controls;
  std::atomic<bool> stuck{false};      // the control thread stands in a read
  std::atomic<float> shift_rad{0.0f};  // as if somebody had turned every joint
  std::atomic<int> switched_on{0};
};

class HeldBus final : public JointBus {
 public:
  explicit HeldBus(Hands& hands) : hands_(hands), bus_(kJoints, hands.controls) {}
  BusStatus read_state(JointState& state) noexcept override {
    while (hands_.stuck.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const BusStatus status = bus_.read_state(state);
    for (std::uint32_t j = 0; j < kJoints; ++j) state.position_rad[j] += hands_.shift_rad.load();
    return status;
  }
  BusStatus write_goal(const GatedGoal& goal) noexcept override { return bus_.write_goal(goal); }
  BusStatus set_torque(bool on) noexcept override {
    if (on) hands_.switched_on.fetch_add(1);
    return bus_.set_torque(on);
  }
  BusCounters counters() const noexcept override { return bus_.counters(); }

 private:
  Hands& hands_;
  FakeBus bus_;
};

struct Bench {
  Hands hands;
  ControlLoop loop{config(), std::make_unique<HeldBus>(hands)};

  Bench() {
    loop.start();
    ticks(5);
  }
  /// Waits for `n` more ticks of the control thread.
  void ticks(std::uint64_t n) {
    const std::uint64_t end = loop.loop_snapshot().ticks + n;
    while (loop.loop_snapshot().ticks < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  /// The control thread takes no more requests until `go_on`.
  void stick() {
    hands.stuck.store(true);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  void go_on() {
    hands.stuck.store(false);
    ticks(10);
  }
  Mode mode() const { return loop.core_snapshot().mode; }
};

/// An interrupt that comes after a while.
Interrupt after_ms(int ms) {
  return [end = Clock::now() + std::chrono::milliseconds(ms)] { return Clock::now() >= end; };
}

/// Whether `request` ends by an interrupt, and soon after it.
template <class Request>
bool interrupted(Request request, int ms = 30) {
  const auto begin = Clock::now();
  try {
    request(after_ms(ms));
  } catch (const Interrupted&) {
    return Clock::now() - begin < std::chrono::milliseconds(ms + 1000);
  }
  return false;
}

PerJoint<float> everywhere(float rad) { return each_joint(rad); }

int every_request() {
  Bench bench;
  CHECK(enable(bench.loop, 2.0));
  CHECK(bench.mode() == Mode::holding && bench.hands.controls.torque.load());
  CHECK(slew(bench.loop, everywhere(0.7f), 1.0f, 5.0) == MoveEnd::arrived);
  CHECK(std::abs(bench.hands.controls.first_joint_rad.load() - 0.7f) < 0.01f);
  hold(bench.loop);
  CHECK(bench.mode() == Mode::holding);
  estop(bench.loop);
  CHECK(bench.loop.core_snapshot().estop);
  CHECK(!enable(bench.loop, 0.2));
  CHECK(reset_estop(bench.loop, 2.0) && !bench.hands.controls.torque.load());
  CHECK(slew(bench.loop, everywhere(0.5f), 1.0f, 1.0) == MoveEnd::refused);
  CHECK(enable(bench.loop, 2.0) && park(bench.loop, 5.0));
  CHECK(bench.mode() == Mode::released && std::abs(bench.hands.controls.first_joint_rad.load()) < 0.05f);
  CHECK(enable(bench.loop, 2.0));
  release(bench.loop);
  bench.ticks(2);
  CHECK(bench.mode() == Mode::released && !bench.hands.controls.torque.load());
  return 0;
}

/// On its way to rest an arm is about to lose its torque, so nobody is told that it has it.
int parking() {
  Bench bench;
  CHECK(enable(bench.loop, 2.0));
  CHECK(slew(bench.loop, everywhere(1.0f), 1.0f, 5.0) == MoveEnd::arrived);
  bool at_rest = false;
  std::thread other([&] { at_rest = park(bench.loop, 5.0); });
  while (bench.loop.core_snapshot().reason != Reason::parking) std::this_thread::yield();
  CHECK(!enable(bench.loop, 2.0));
  CHECK(bench.loop.core_snapshot().reason == Reason::parking);
  other.join();
  CHECK(at_rest && bench.mode() == Mode::released);

  CHECK(enable(bench.loop, 2.0));
  CHECK(slew(bench.loop, everywhere(1.0f), 1.0f, 5.0) == MoveEnd::arrived);
  other = std::thread([&] { at_rest = park(bench.loop, 5.0); });
  while (bench.loop.core_snapshot().reason != Reason::parking) std::this_thread::yield();
  release(bench.loop);  // somebody else lets it fall on the way
  other.join();
  CHECK(!at_rest && bench.mode() == Mode::released);
  return 0;
}

int enable_is_withdrawn() {
  Bench bench;
  bench.stick();
  CHECK(interrupted([&](const Interrupt& interrupt) { enable(bench.loop, 5.0, interrupt); }));
  CHECK(!enable(bench.loop, 0.05));
  bench.go_on();
  CHECK(bench.hands.switched_on.load() == 0 && !bench.loop.core_snapshot().torque);
  CHECK(enable(bench.loop, 2.0) && bench.hands.switched_on.load() == 1);
  return 0;
}

int move_is_withdrawn() {
  Bench bench;
  CHECK(enable(bench.loop, 2.0));
  const float before = bench.hands.controls.first_joint_rad.load();
  bench.stick();
  CHECK(interrupted(
      [&](const Interrupt& interrupt) { slew(bench.loop, everywhere(1.5f), 1.0f, 5.0, interrupt); }));
  bench.go_on();
  bench.ticks(50);
  CHECK(bench.mode() == Mode::holding);
  CHECK(std::abs(bench.hands.controls.first_joint_rad.load() - before) < 0.02f);
  CHECK(interrupted(
      [&](const Interrupt& interrupt) { slew(bench.loop, everywhere(-1.8f), 0.5f, 9.0, interrupt); },
      300));
  bench.ticks(100);
  CHECK(bench.mode() == Mode::holding && bench.loop.core_snapshot().move_end == MoveEnd::cancelled);
  CHECK(bench.hands.controls.first_joint_rad.load() > -1.0f);
  CHECK(slew(bench.loop, everywhere(-1.8f), 0.5f, 0.1) == MoveEnd::cancelled);
  return 0;
}

int accept_position_is_withdrawn() {
  Bench bench;
  bench.hands.shift_rad.store(1.0f);
  bench.ticks(5);
  CHECK(bench.loop.core_snapshot().jumped == (1u << kJoints) - 1);
  bench.stick();
  CHECK(interrupted([&](const Interrupt& interrupt) { accept_position(bench.loop, interrupt); }));
  CHECK(!accept_position(bench.loop));  // in its time, which is over before the control thread goes on
  bench.go_on();
  CHECK(bench.loop.core_snapshot().jumped != 0);
  CHECK(!enable(bench.loop, 0.3) && bench.hands.switched_on.load() == 0);
  CHECK(accept_position(bench.loop));
  bench.ticks(2);
  CHECK(bench.loop.core_snapshot().jumped == 0);
  return 0;
}

int reset_estop_is_withdrawn() {
  Bench bench;
  estop(bench.loop);
  bench.stick();
  CHECK(interrupted([&](const Interrupt& interrupt) { reset_estop(bench.loop, 1.0, interrupt); }));
  CHECK(!reset_estop(bench.loop, 0.1));
  bench.go_on();
  CHECK(bench.loop.core_snapshot().estop);
  CHECK(reset_estop(bench.loop, 1.0));
  return 0;
}

int reconnect_is_withdrawn() {
  Bench bench;
  CHECK(enable(bench.loop, 2.0));
  std::atomic<bool> plugged{false};
  std::atomic<int> opened{0};
  const auto open = [&]() -> std::unique_ptr<JointBus> {
    if (!plugged.load()) throw BusError("not there yet");
    opened.fetch_add(1);
    return std::make_unique<HeldBus>(bench.hands);
  };
  bench.hands.controls.status.store(BusStatus::closed);
  while (bench.mode() != Mode::fault) bench.ticks(1);
  CHECK(interrupted([&](const Interrupt& interrupt) { reconnect(bench.loop, open, 30.0, interrupt); }, 100));
  bench.hands.controls.status.store(BusStatus::ok);
  plugged.store(true);
  bool begun = false;  // comes while the bus is being opened
  const Interrupt in_the_middle = [&] { return opened.load() > 0 || !(begun = true); };
  try {
    reconnect(bench.loop, open, 30.0, in_the_middle);
    CHECK(false);
  } catch (const Interrupted&) {
  }
  CHECK(begun && opened.load() == 1);
  bench.ticks(20);
  CHECK(bench.loop.loop_snapshot().bus_status == BusStatus::closed);  // what was opened is closed again
  const int switched = bench.hands.switched_on.load();
  std::thread plug([&] {
    plugged.store(false);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    plugged.store(true);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  reconnect(bench.loop, open, 5.0);
  plug.join();
  bench.ticks(5);
  CHECK(bench.mode() == Mode::released && bench.hands.switched_on.load() == switched);
  CHECK(enable(bench.loop, 2.0));
  try {
    reconnect(bench.loop, open, 1.0);
    CHECK(false);
  } catch (const std::logic_error&) {
  }
  return 0;
}

/// A full queue: what is withdrawn never comes, what is not does, and the places are good for the next ones.
int a_full_queue() {
  Bench bench;
  for (int round = 0; round < 5; ++round) {
    bench.stick();
    std::vector<std::uint64_t> tickets;
    for (int i = 0; i < 64; ++i) tickets.push_back(bench.loop.enable());
    CHECK(bench.loop.enable() == 0);                         // no room
    const std::uint64_t insisted = bench.loop.hold();        // always taken
    CHECK(insisted != 0 && !bench.loop.withdraw(insisted));  // never taken back
    for (const std::uint64_t ticket : tickets) CHECK(bench.loop.withdraw(ticket));
    CHECK(!bench.loop.withdraw(tickets[0]));  // once
    CHECK(bench.loop.enable() == 0);
    bench.go_on();
    CHECK(bench.hands.switched_on.load() == round);
    CHECK(bench.loop.loop_snapshot().requests_done >= insisted);
    CHECK(enable(bench.loop, 2.0));
    const std::uint64_t done = bench.loop.hold();
    bench.ticks(2);
    CHECK(!bench.loop.withdraw(done));  // it has taken effect
    release(bench.loop);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const motorium::test::NamedCheck checks[] = {{"every_request", every_request},
                                               {"parking", parking},
                                               {"enable_is_withdrawn", enable_is_withdrawn},
                                               {"move_is_withdrawn", move_is_withdrawn},
                                               {"accept_position_is_withdrawn", accept_position_is_withdrawn},
                                               {"reset_estop_is_withdrawn", reset_estop_is_withdrawn},
                                               {"reconnect_is_withdrawn", reconnect_is_withdrawn},
                                               {"a_full_queue", a_full_queue}};
  return motorium::test::run_named(argc, argv, checks);
}
