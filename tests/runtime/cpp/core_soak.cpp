// One thread ticks a ControlCore, one pushes chunks into it. Run under ThreadSanitizer: no race, no jump, no
// torn plan.

#include <atomic>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "runtime/control_core.hpp"

using namespace motorium;

namespace {

constexpr std::uint32_t kJoints = 4;
constexpr std::int64_t kTick = 5'000'000, kDt = 50'000'000;

ControlConfig config() {
  ControlConfig config;
  config.limits.n_joints = kJoints;
  config.limits.dt_s = 0.005f;
  config.limits.max_state_age_ns = config.limits.max_command_age_ns = 100'000'000;
  config.limits.trip_after = 20;
  for (std::uint32_t j = 0; j < kJoints; ++j) config.limits.joint[j] = {-3.0f, 3.0f, 4.0f, 100.0f, 0.8f};
  return config;
}

}  // namespace

int main() {
  static ControlCore core(config());
  std::atomic<std::int64_t> clock{1'000'000'000'000};
  std::atomic<std::uint64_t> pushed{0};
  std::atomic<bool> done{false};
  std::thread pusher([&] {
    std::vector<float> rows(16 * kJoints), committed(2 * kJoints);
    unsigned seed = 1;
    while (!done.load()) {
      const std::int64_t t0 = clock.load();
      core.committed(t0, kDt, 2, committed);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        seed = seed * 1664525u + 1013904223u;
        const float noise = (static_cast<float>(seed >> 8) / 16777216.0f - 0.5f) * 0.02f;
        rows[i] = i < committed.size() ? committed[i] : rows[i - kJoints] + noise;
      }
      const PushStatus status = core.push_chunk({rows, 16, t0, kDt, 2}, clock.load());
      if (status == PushStatus::accepted || status == PushStatus::late) pushed.fetch_add(1);
    }
  });
  JointState state;
  state.n = kJoints;
  core.enable();
  PerJoint<float> last{};
  float largest = 0.0f;
  bool equal = true;
  for (int tick = 0; tick < 20'000 || pushed.load() < 200; ++tick) {
    const std::int64_t now = clock.fetch_add(kTick) + kTick;
    state.t_ns = now;
    state.joint_t_ns.fill(now);
    const TickResult result = core.tick(now, state);
    if (result.goal) state.position_rad = result.goal->position_rad();
    const CoreSnapshot seen = core.snapshot();
    for (std::uint32_t j = 0; j < kJoints; ++j) {
      if (tick > 0) largest = std::max(largest, std::abs(seen.setpoint_rad[j] - last[j]));
      equal = equal && std::isfinite(seen.setpoint_rad[j]);
    }
    last = seen.setpoint_rad;
    if (tick % 64 == 0) std::this_thread::yield();
  }
  done.store(true);
  pusher.join();
  // Virtual time runs as fast as it can, so plans arrive far too late; yet no step may be larger than what a
  // row of the walk moves in a tick (0.01 rad), a faded difference (up to ~0.5 rad over 30 ticks) included.
  if (!equal || largest > 0.03f) {
    std::printf("FAILED: setpoint stepped by %f rad\n", static_cast<double>(largest));
    return 1;
  }
  std::printf("ok\n");
  return 0;
}
