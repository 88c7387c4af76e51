// A robot without Python on servos emulated on a pseudo-terminal: checked, powered, moved by slots, pulled
// and plugged in again. One check per argument.

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "checks.hpp"
#include "emulator/servo_emulator.hpp"
#include "io/monotonic.hpp"
#include "robot/bus_family.hpp"
#include "robot/robot.hpp"
#include "robot/self_check.hpp"

namespace {

using namespace motorium;

constexpr std::uint32_t kJoints = 3;
constexpr std::int64_t kRowNs = 50'000'000;

RobotConfig config() {
  RobotConfig config;
  config.name = "three";
  ControlConfig& control = config.control;
  control.limits.n_joints = kJoints;
  control.limits.dt_s = 0.005f;
  control.limits.max_state_age_ns = 100'000'000;
  control.limits.max_command_age_ns = 500'000'000;
  control.limits.trip_after = 20;
  control.approach_velocity_share = 0.9f;
  BusConfig bus;
  bus.family = "feetech";
  for (std::uint32_t j = 0; j < kJoints; ++j) {
    control.limits.joint[j] = {-1.5f, 1.5f, 3.0f, 60.0f, 0.9f};
    RobotJoint joint;
    joint.name = "joint_" + std::to_string(j + 1);
    joint.slot = 10 + 2 * j;
    joint.slot_scale = 0.5f;
    joint.slot_offset = 0.25f;
    joint.home_rad = 0.4f;
    joint.min_position_rad = -1.75;
    joint.max_position_rad = 1.75;
    joint.min_supply_v = 4.5;
    joint.max_supply_v = 14.0;
    joint.hot_c = 65.0;
    joint.fault_names[2] = "temperature";
    joint.fault_names[5] = "overload";
    joint.forbids_torque = 1 << 2;
    config.joints.push_back(joint);
    ServoJoint servo;
    servo.id = static_cast<std::uint8_t>(j + 1);
    servo.model_number = 777;
    bus.joints.push_back(servo);
  }
  config.buses.push_back(bus);
  config.policy.latency_s = {0.02, 0.06, 0.2};
  config.policy.latency_weight = {6.0, 3.5, 0.5};
  check(config);
  return config;
}

/// Servos that are where they were told to be, under a name that stays when they are plugged in anew.
class Arm {
 public:
  Arm() : name_(std::filesystem::temp_directory_path() / ("arm-" + std::to_string(::getpid()))) {
    plug();
    thread_ = std::thread([this] { follow(); });
  }
  ~Arm() {
    stop_.store(true);
    thread_.join();
    ::unlink(name_.c_str());
  }
  void plug() {
    servos_ = std::make_unique<ServoEmulator>("feetech", alike({1, 2, 3}, {.model_number = 777}));
    servos_->update(present_);
    ::unlink(name_.c_str());
    if (::symlink(servos_->port().c_str(), name_.c_str()) != 0) std::abort();
    plugged_.store(true);
  }
  void pull() {
    plugged_.store(false);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    servos_->close();
    ::unlink(name_.c_str());
  }
  void silence(std::size_t servo) { servos_->unplug(servo); }
  bool torque() const {
    std::vector<ServoGoal> goals(kJoints);
    servos_->goals(goals);
    return goals[0].torque_enable || goals[1].torque_enable || goals[2].torque_enable;
  }
  const std::string& port() const { return name_; }
  std::vector<ServoPresent> present_{kJoints};

 private:
  void follow() {
    std::vector<ServoGoal> goals(kJoints);
    while (!stop_.load()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (!plugged_.load()) continue;
      servos_->goals(goals);
      for (std::size_t j = 0; j < kJoints; ++j)
        if (goals[j].torque_enable) present_[j].position_ticks = goals[j].goal_position_ticks;
      servos_->update(present_);
    }
  }

  std::string name_;
  std::unique_ptr<ServoEmulator> servos_;
  std::atomic<bool> plugged_{false}, stop_{false};
  std::thread thread_;
};

struct Bench {
  Arm arm;
  std::atomic<bool> interrupt{false};
  Robot robot{config(),
              [this] {
                const std::vector<BusAccess> access{{arm.port(), nullptr}};
                return open_buses(config(), access);
              },
              [this] { return interrupt.load(); }};

  Bench() {
    robot.start();
    if (!robot.wait_until_heard().empty()) std::abort();
  }
  template <class Condition>
  bool wait(Condition condition) const {
    for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return condition();
  }
};

std::vector<float> rows_in_slots(const Robot& robot, int rows, float from_rad, float to_rad) {
  std::vector<float> values;
  for (int i = 0; i < rows; ++i) {
    const float rad = from_rad + (to_rad - from_rad) * static_cast<float>(i) / static_cast<float>(rows - 1);
    std::vector<float> row(kSlots, 9.0f);  // what belongs to no joint is ignored
    for (const std::uint32_t slot : robot.slots().slots()) row[slot] = 0.5f * rad + 0.25f;
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

int a_chunk_in_slots() {
  Bench bench;
  CHECK(bench.robot.power_up().empty() && bench.arm.torque());
  CHECK(bench.robot.slew(each_joint(0.2f), 0.9f, 5.0) == MoveEnd::arrived);
  const std::int64_t t0_ns = monotonic_ns();
  const std::vector<float> rows = rows_in_slots(bench.robot, 16, 0.2f, 0.9f);
  const std::span<const float> short_rows = std::span(rows).first(100);
  CHECK(bench.robot.push_slots({short_rows, 16, t0_ns, kRowNs, 1}) == PushStatus::malformed);
  CHECK(bench.robot.push_slots({rows, kMaxChunkRows + 1, t0_ns, kRowNs, 1}) == PushStatus::malformed);
  CHECK(bench.robot.push_slots({rows, 16, t0_ns, kRowNs, 1, true}) == PushStatus::accepted);
  std::vector<float> planned(16 * kSlots, 7.0f);
  bench.robot.committed_slots(t0_ns, kRowNs, 16, planned);
  const std::uint32_t slot = bench.robot.slots().slots()[1];
  CHECK(std::abs(planned[15 * kSlots + slot] - rows[15 * kSlots + slot]) < 0.02f);
  CHECK(planned[15 * kSlots + slot + 1] == 0.0f);
  CHECK(bench.wait([&] { return bench.robot.state().position_rad[2] > 0.85f; }));
  CHECK(bench.robot.park() && bench.wait([&] { return !bench.arm.torque(); }));
  return 0;
}

int what_fails_the_check() {
  Bench bench;
  bench.arm.present_[0].voltage_dv = 30;
  bench.arm.present_[1].temperature_c = 70;
  bench.arm.present_[1].status = 1 << 2;
  bench.arm.present_[2].status = 1 << 5;  // an overload passes: it ends with the next motion
  CHECK(bench.wait([&] { return (bench.robot.state().status[1] & 4) != 0; }));
  const Problems problems = bench.robot.power_up();
  CHECK(problems.size() == 3 && !bench.arm.torque());
  CHECK(problems[0].cause == Cause::supply && problems[0].joint == 0 && problems[0].high == 14.0);
  CHECK(problems[1].cause == Cause::heat && problems[1].joint == 1 && problems[1].measured == 70.0);
  CHECK(problems[2].cause == Cause::servo_fault && problems[2].joint == 1 && problems[2].bits == 4);
  const std::string text = describe(problems, bench.robot.config());
  CHECK(text ==
        "joint_1 has no proper supply: 3.0 V, not 4.5 to 14; joint_2 is too hot: 70 C, at most 65; "
        "joint_2 reports a fault: temperature");
  bench.robot.estop();
  bench.arm.present_.assign(kJoints, {});
  CHECK(bench.wait([&] { return bench.robot.state().voltage_v[0] > 7.0f; }));
  const Problems refused = bench.robot.power_up();
  CHECK(refused.size() == 1 && refused[0].cause == Cause::refused);
  CHECK(bench.robot.reset_estop(2.0) && bench.robot.power_up().empty());
  return 0;
}

int pulled_and_plugged_in() {
  Bench bench;
  CHECK(bench.robot.power_up().empty());
  bench.arm.pull();
  CHECK(bench.wait([&] { return bench.robot.reason() == Reason::bus_closed; }));
  std::thread caller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    bench.interrupt.store(true);
  });
  bool interrupted = false;
  try {
    bench.robot.reconnect(30.0);
  } catch (const Interrupted&) {
    interrupted = true;
  }
  caller.join();
  bench.interrupt.store(false);
  CHECK(interrupted);
  std::thread hands([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    bench.arm.present_[1].position_ticks += 800;  // somebody has turned it
    bench.arm.plug();
  });
  const Problems problems = bench.robot.reconnect(10.0);
  hands.join();
  CHECK(problems.size() == 1 && problems[0].cause == Cause::jumped && problems[0].joint == 1);
  CHECK(problems[0].measured > 1.1 && !bench.arm.torque());
  CHECK(bench.robot.power_up().size() == 1 && !bench.arm.torque());
  CHECK(bench.robot.accept_position() && bench.robot.power_up().empty() && bench.arm.torque());
  bool well = false;
  try {
    bench.robot.reconnect(1.0);
  } catch (const std::logic_error&) {
    well = true;
  }
  CHECK(well);
  return 0;
}

int why_it_stopped() {
  Bench bench;
  const Robot& robot = bench.robot;
  CHECK(bench.robot.power_up().empty() && robot.why_stopped().empty());
  bench.robot.estop();
  CHECK(bench.wait([&] { return !robot.why_stopped().empty(); }));
  CHECK(describe(robot.why_stopped(), robot.config()) == "three is held by an emergency stop");
  CHECK(bench.robot.reset_estop(2.0) && robot.why_stopped().empty() && bench.robot.power_up().empty());
  bench.arm.silence(2);
  CHECK(bench.wait([&] { return !robot.why_stopped().empty(); }));
  const Problems problems = robot.why_stopped();
  CHECK(problems.size() == 2 && problems[0].cause == Cause::gate_tripped);
  CHECK(problems[0].joint == Problem::kWholeArm && problems[0].bits == MTR_CAUSE_STALE_STATE);
  CHECK(problems[1].cause == Cause::stale && problems[1].joint == 2 && problems[1].measured > 0.1);
  const std::string text = describe(problems, robot.config());
  CHECK(text.starts_with("three was stopped by the safety gate: stale joint state; joint_3 does not answer"));
  const LoopStats stats = robot.stats();
  CHECK(stats.mode == Mode::fault && stats.reason == Reason::gate_tripped && stats.safety.trips == 1);
  const std::vector<ArmState> states = robot.last_states();
  CHECK(states.size() == kLastStates && states.back().verdict == MTR_TRIPPED);
  CHECK(robot.state_at(states.back().state_t_ns)->n == kJoints);
  bench.arm.pull();
  CHECK(bench.wait([&] { return robot.why_stopped()[0].cause == Cause::unplugged; }));
  return 0;
}

int springs_go_home() {
  Arm arm;
  RobotConfig by_hand = config();
  by_hand.buses[0].joints[0].passive = true;  // of a family that has such joints; here it is only not moved
  Robot robot(by_hand, [&] {
    const std::vector<BusAccess> access{{arm.port(), nullptr}};
    return open_buses(config(), access);
  });
  robot.start();
  CHECK(robot.wait_until_heard().empty() && robot.power_up().empty());
  const auto position = [&](std::uint32_t j) { return robot.state().position_rad[j]; };
  for (int i = 0; i < 5000 && std::abs(position(2) - 0.4f) > 0.01f; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(std::abs(position(0)) < 0.01f && std::abs(position(1) - 0.4f) < 0.01f);
  return 0;
}

int without_joints() {
  Arm arm;
  RobotConfig bare;
  bare.control = config().control;
  const std::vector<BusAccess> access{{arm.port(), nullptr}};
  Robot robot(bare, [&] { return open_buses(config(), access); });
  robot.start();
  CHECK(robot.wait_until_heard().empty() && robot.power_up().empty());
  bool refused = false;
  try {
    robot.push_slots({});
  } catch (const std::logic_error&) {
    refused = true;
  }
  CHECK(refused);
  const Scheduler scheduler = Robot(config(), [&] {
                                return std::make_unique<RelayedBus>(std::make_shared<Relay>(kJoints));
                              }).schedule(checked_pace(16, 0.05, 8, 6));
  CHECK(scheduler.latency_ns() == 60'000'000 && !scheduler.measured());
  return 0;
}

/// A chain whose torque no packet can take off is refused where it is opened.
int shutdown_fits() {
  Arm arm;
  const std::vector<BusAccess> access{{arm.port(), nullptr}};
  const ShutdownSequence whole = open_buses(config(), access)->shutdown_sequence();
  CHECK(whole.packets.size() > 1);
  check_shutdown(whole);
  for (const std::size_t size : {std::size_t{0}, kMaxShutdownFrame + 1}) {
    ShutdownSequence cut = whole;
    cut.packets.back().size = size;
    bool refused = false;
    try {
      check_shutdown(cut);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const motorium::test::NamedCheck checks[] = {{"a_chunk_in_slots", a_chunk_in_slots},
                                               {"what_fails_the_check", what_fails_the_check},
                                               {"pulled_and_plugged_in", pulled_and_plugged_in},
                                               {"why_it_stopped", why_it_stopped},
                                               {"springs_go_home", springs_go_home},
                                               {"without_joints", without_joints},
                                               {"shutdown_fits", shutdown_fits}};
  return motorium::test::run_named(argc, argv, checks);
}
