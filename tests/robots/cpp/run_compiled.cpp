// A compiled robot, without Python: opened on emulated servos, checked, given torque, and run through a chunk
// of slots. Usage: run_compiled arm.robot
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <thread>
#include <vector>
#include "emulator/servo_emulator.hpp"
#include "io/monotonic.hpp"
#include "robot/bus_family.hpp"
#include "robot/robot.hpp"
#include "robot/robot_file.hpp"
using namespace motorium;
int main(int, char** argv) {
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  const RobotReading reading = read_robot(bytes);
  if (reading.problem != FileProblem::none) return std::puts(describe(reading.problem)), 2;
  const std::vector<ServoJoint>& servos = reading.config.buses.front().joints;
  std::vector<std::uint8_t> ids;
  std::vector<ServoPresent> present;
  for (const ServoJoint& servo : servos) {
    ids.push_back(servo.id);
    present.emplace_back().position_ticks = static_cast<std::int32_t>(servo.zero_ticks);
  }
  ServoEmulator emulator("feetech", motorium::alike(ids, {.model_number = servos.front().model_number}));
  std::atomic<bool> turning{true};
  std::thread motors([&] {  // a motor is where it was told to be
    for (std::vector<ServoGoal> goals(ids.size()); turning; emulator.update(present)) {
      emulator.goals(goals);
      for (std::size_t j = 0; j < ids.size(); ++j)
        if (goals[j].torque_enable) present[j].position_ticks = goals[j].goal_position_ticks;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const std::vector<BusAccess> ports{{emulator.port(), {}}};
  Robot robot(reading.config, [&] { return open_buses(reading.config, ports); });
  robot.start();
  Problems problems = robot.wait_until_heard();
  if (problems.empty()) problems = robot.power_up();
  if (!problems.empty()) std::puts(describe(problems, robot.config()).c_str());
  constexpr std::uint32_t kRows = 20;
  std::vector<float> plan(kRows * kSlots);
  for (const std::uint32_t slot : robot.slots().slots())
    for (std::uint32_t row = 0; row < kRows; ++row)
      plan[row * kSlots + slot] = 0.005F * static_cast<float>(row);
  const SlotChunk chunk{plan, kRows, monotonic_ns() + 200'000'000, 50'000'000, 0, true};
  bool ok = robot.push_slots(chunk) == PushStatus::accepted;
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  const JointState state = robot.state();
  for (std::uint32_t j = 0; j + 1 < state.n; ++j) ok = ok && std::abs(state.position_rad[j] - 0.095F) < 0.02F;
  robot.stop();
  turning = false;
  motors.join();
  std::printf("%s %s: %u joints at %.3f rad\n", reading.config.name.c_str(), ok ? "ok" : "failed", state.n,
              static_cast<double>(state.position_rad[0]));
  return ok ? 0 : 1;
}
