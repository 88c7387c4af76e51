// Seeded traces through the control core: a random arm, a random caller, and everything that the core lets a
// caller see after each tick. See tests/support/core_traces.py for what is done with them.

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arm.hpp"
#include "caller.hpp"
#include "configs.hpp"
#include "fields.hpp"
#include "random.hpp"

using namespace motorium;

namespace {

constexpr int kTicks = 1000, kSampleEvery = 250;

/// One trace: `each(tick, result, core)` after every tick. Returns what the ticks alone took.
template <class Each>
std::int64_t trace(std::uint64_t seed, Each&& each) {
  using Clock = std::chrono::steady_clock;
  Random random(seed);
  const ControlConfig config = random_config(random);
  const auto core = std::make_unique<ControlCore>(config);
  Arm arm(config, random);
  Caller caller(*core, random);
  std::int64_t now_ns = 1'000'000'000'000, spent_ns = 0;
  const auto period_ns = static_cast<std::int64_t>(1e9 / config.rate_hz);
  for (int i = 0; i < kTicks; ++i) {
    now_ns += period_ns;
    if (random.chance(0.01)) now_ns += period_ns * (1 + random.below(20));  // ticks were lost
    arm.read(now_ns, caller.mood());
    caller.ask(now_ns);
    const auto before = Clock::now();
    const TickResult result = core->tick(now_ns, arm.state());
    spent_ns += (Clock::now() - before) / std::chrono::nanoseconds(1);
    arm.obey(result, period_ns);
    caller.see(result);
    each(i, result, *core);
  }
  return spent_ns;
}

void print_digest(std::uint64_t seed) {
  Digest digest;
  std::string goals;
  trace(seed, [&](int tick, const TickResult& result, const ControlCore& core) {
    const CoreSnapshot seen = core.snapshot();
    fields(result, seen, core.chunk_counters(), [&](const char*, double value) { digest.add(value); });
    if ((tick + 1) % kSampleEvery != 0) return;
    char text[32];
    for (std::uint32_t j = 0; j < seen.joints; ++j) {
      std::snprintf(text, sizeof text, " %.9g", static_cast<double>(seen.goal_rad[j]));
      goals += text;
    }
  });
  std::printf("%" PRIu64 " %016" PRIx64 "%s\n", seed, digest.value(), goals.c_str());
}

void print_ticks(std::uint64_t seed) {
  trace(seed, [](int tick, const TickResult& result, const ControlCore& core) {
    std::printf("tick %d\n", tick);
    fields(result, core.snapshot(), core.chunk_counters(),
           [](const char* name, double value) { std::printf("  %s %.17g\n", name, value); });
  });
}

/// What was visited: modes with reasons, changes from one to the next, ends of moves, events.
void print_visits(std::uint64_t first, std::uint64_t count) {
  std::map<std::string, std::uint64_t> visits;
  const auto name = [](const CoreSnapshot& s) {
    return std::to_string(static_cast<int>(s.mode)) + "." + std::to_string(static_cast<int>(s.reason));
  };
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    std::string before = "0.0";
    trace(seed, [&](int, const TickResult& result, const ControlCore& core) {
      const CoreSnapshot seen = core.snapshot();
      ++visits["state " + name(seen)];
      if (name(seen) != before) ++visits["change " + before + " " + name(seen)];
      before = name(seen);
      ++visits["move_end " + std::to_string(static_cast<int>(seen.move_end))];
      for (int bit = 0; bit < 9; ++bit)
        if ((result.events >> bit & 1u) != 0) ++visits["event " + std::to_string(bit)];
      if (seen.streaming) ++visits["source stream"];
    });
  }
  for (const auto& [what, times] : visits) std::printf("%s %" PRIu64 "\n", what.c_str(), times);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string what = argv[1];
  const std::uint64_t first = std::strtoull(argv[2], nullptr, 10),
                      count = std::strtoull(argv[3], nullptr, 10);
  if (what == "visits") {
    print_visits(first, count);
    return 0;
  }
  std::int64_t spent_ns = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (what == "digest") print_digest(seed);
    if (what == "ticks") print_ticks(seed);
    if (what == "time") spent_ns += trace(seed, [](int, const TickResult&, const ControlCore&) {});
  }
  if (what == "time")
    std::printf("%.1f\n", static_cast<double>(spent_ns) / static_cast<double>(count * kTicks));
  return 0;
}
