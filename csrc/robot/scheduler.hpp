#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace motorium {

/// Rhythm of a policy.
struct Pace {
  std::int64_t dt_ns = 0;      ///< Distance between rows.
  std::int64_t rows = 0;       ///< Of a chunk.
  std::int64_t horizon = 0;    ///< Rows to follow before planning again.
  std::int64_t max_delay = 0;  ///< Most rows the policy accepts as committed.

  friend bool operator==(const Pace&, const Pace&) = default;
};

/// A pace that can be followed: horizon and delay end before the last row. std::invalid_argument names every
/// number outside its bounds.
Pace checked_pace(double rows, double dt_s, double horizon, double max_delay);

/// Rows to commit beyond those that pass until the plan arrives: the last committed row must lie at or after
/// the arrival, where ChunkBuffer splices.
inline constexpr std::int64_t kMarginRows = 1;

/// Rows to commit when a plan arrives `latency_ns` after its inference began on an observation `age_ns` old.
/// Exact for times below 2^53 ns (104 days).
std::int64_t needed_rows(std::int64_t age_ns, std::int64_t latency_ns, std::int64_t dt_ns) noexcept;

/// Whether the rows that a policy accepts as committed last until its next plan is in.
struct Bridge {
  std::int64_t declared_ns = 0;  ///< 95 % quantile of the robot's latency; 0 where it declares none.
  std::int64_t measured_ns = 0;  ///< What an inference took here; 0 where none was timed.
  std::int64_t age_ns = 0;       ///< Of an observation when its inference starts.
  std::int64_t dt_ns = 1;        ///< Distance between rows.
  std::int64_t accepted = 0;     ///< Most rows the policy accepts as committed.

  /// What an inference has to be expected to take.
  std::int64_t latency_ns() const noexcept { return std::max(declared_ns, measured_ns); }
  std::int64_t needed() const noexcept { return needed_rows(age_ns, latency_ns(), dt_ns); }
  bool holds() const noexcept { return needed() <= accepted; }
};

/// When to infer again, and how many rows to commit meanwhile, from a running estimate of the latency. The
/// clock is the caller's, so the same rules hold on a robot and in lock-step. One thread at a time.
class Scheduler {
 public:
  static constexpr std::size_t kMemory = 20;  ///< Latencies remembered: eight seconds of replanning.
  static constexpr std::size_t kTrusted = 5;  ///< Measured latencies that a declared one gives way to.

  /// `prior_ns`: the robot's declared latency, which counts until `kTrusted` were measured; 0: none.
  explicit Scheduler(const Pace& pace, std::int64_t prior_ns = 0) noexcept
      : pace_(pace), prior_ns_(prior_ns) {}

  /// A chunk took this long from the start of its inference to the push.
  void record(std::int64_t latency_ns) noexcept;
  /// What the next inference is expected to take: the slowest remembered, since a committed row costs little.
  std::int64_t latency_ns() const noexcept;
  /// False while the declared latency is what counts.
  bool measured() const noexcept;
  /// Rows to commit for an observation that is `age_ns` old when its inference starts.
  std::int64_t delay(std::int64_t age_ns) noexcept;
  /// When the next inference starts, after an accepted chunk whose row 0 is at `t0_ns`: every `horizon` rows,
  /// sooner when the chunk would run out before the next one is in.
  std::int64_t next_start_ns(std::int64_t t0_ns, std::int64_t delay) noexcept;
  /// How many rows of a chunk observed at `t0_ns` the newest accepted chunk also has something to say about.
  std::int64_t planned_rows(std::int64_t t0_ns) const noexcept;

  const Pace& pace() const noexcept { return pace_; }
  std::int64_t needed() const noexcept { return needed_; }      ///< For the last observation.
  std::int64_t declared() const noexcept { return declared_; }  ///< Committed last: what the policy accepts.
  std::int64_t shortfalls() const noexcept { return shortfalls_; }  ///< How often that was fewer than needed.

 private:
  std::int64_t slowest_ns() const noexcept;

  Pace pace_;
  std::int64_t prior_ns_;
  std::array<std::int64_t, kMemory> latencies_ns_{};  // a ring
  std::size_t recorded_ = 0;                          // ever
  std::optional<std::int64_t> newest_t0_ns_{};        // of the newest accepted chunk
  std::int64_t needed_ = 0, declared_ = 0, shortfalls_ = 0;
};

}  // namespace motorium
