#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace motorium {

/// Timing of a policy.
struct Pace {
  std::int64_t dt_ns = 0;      ///< Time between rows.
  std::int64_t rows = 0;       ///< Rows of a chunk.
  std::int64_t horizon = 0;    ///< Rows to follow before the next inference.
  std::int64_t max_delay = 0;  ///< Most rows the policy accepts as committed.

  friend bool operator==(const Pace&, const Pace&) = default;
};

/// Returns a usable pace: horizon and delay end before the last row. Throws std::invalid_argument that names
/// every number outside its bounds.
Pace checked_pace(double rows, double dt_s, double horizon, double max_delay);

/// Rows to commit beyond those that pass before the plan arrives: the last committed row must lie at or after
/// the arrival, where ChunkBuffer splices.
inline constexpr std::int64_t kMarginRows = 1;

/// Returns how many rows to commit when a plan arrives `latency_ns` after its inference began on an
/// observation `age_ns` old. Exact for times below 2^53 ns (104 days).
std::int64_t needed_rows(std::int64_t age_ns, std::int64_t latency_ns, std::int64_t dt_ns) noexcept;

/// Whether the rows that a policy accepts as committed last until its next plan arrives.
struct Bridge {
  std::int64_t declared_ns = 0;  ///< 95 % quantile of the robot's latency; 0 where it declares none.
  std::int64_t measured_ns = 0;  ///< Duration of an inference here; 0: none was timed.
  std::int64_t age_ns = 0;       ///< Age of an observation when its inference starts.
  std::int64_t dt_ns = 1;        ///< Time between rows.
  std::int64_t accepted = 0;     ///< Most rows the policy accepts as committed.

  /// Returns how long an inference is expected to take.
  std::int64_t latency_ns() const noexcept { return std::max(declared_ns, measured_ns); }
  std::int64_t needed() const noexcept { return needed_rows(age_ns, latency_ns(), dt_ns); }
  bool holds() const noexcept { return needed() <= accepted; }
};

/// Decides when to infer again and how many rows to commit, from a running estimate of the latency. Uses the
/// caller's clock, so the same rules hold on a robot and in lock-step. One thread at a time.
class Scheduler {
 public:
  static constexpr std::size_t kMemory = 20;  ///< Latencies remembered: eight seconds of replanning.
  static constexpr std::size_t kTrusted = 5;  ///< Measurements after which they replace the declared latency.

  /// `prior_ns`: the robot's declared latency, used until `kTrusted` were measured; 0: none.
  explicit Scheduler(const Pace& pace, std::int64_t prior_ns = 0) noexcept
      : pace_(pace), prior_ns_(prior_ns) {}

  /// Records how long a chunk took from the start of its inference to the push.
  void record(std::int64_t latency_ns) noexcept;
  /// Returns how long the next inference is expected to take: the slowest remembered, since a committed row
  /// costs little.
  std::int64_t latency_ns() const noexcept;
  /// Whether measurements have replaced the declared latency.
  bool measured() const noexcept;
  /// Returns how many rows to commit for an observation `age_ns` old when its inference starts.
  std::int64_t delay(std::int64_t age_ns) noexcept;
  /// Returns when to start the next inference after an accepted chunk whose row 0 is at `t0_ns`: after
  /// `horizon` rows, or sooner when the chunk would run out before the next one arrives.
  std::int64_t next_start_ns(std::int64_t t0_ns, std::int64_t delay) noexcept;
  /// Returns how many rows of a chunk observed at `t0_ns` the newest accepted chunk also covers.
  std::int64_t planned_rows(std::int64_t t0_ns) const noexcept;

  const Pace& pace() const noexcept { return pace_; }
  std::int64_t needed() const noexcept { return needed_; }  ///< For the last observation.
  /// Committed last: no more than the policy accepts.
  std::int64_t declared() const noexcept { return declared_; }
  /// How often fewer rows were committed than needed.
  std::int64_t shortfalls() const noexcept { return shortfalls_; }

 private:
  std::int64_t slowest_ns() const noexcept;

  Pace pace_;
  std::int64_t prior_ns_;
  std::array<std::int64_t, kMemory> latencies_ns_{};  // a ring
  std::size_t recorded_ = 0;                          // in total
  std::optional<std::int64_t> newest_t0_ns_{};        // of the newest accepted chunk
  std::int64_t needed_ = 0, declared_ = 0, shortfalls_ = 0;
};

}  // namespace motorium
