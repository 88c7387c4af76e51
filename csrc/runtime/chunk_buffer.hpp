#pragma once

#include <cstdint>
#include <span>

#include "motorium/latest_slot.hpp"
#include "runtime/chunk_limits.hpp"
#include "runtime/plan.hpp"

namespace motorium {

/// Distance of two rows: from below the period of any control thread to a pause nobody plans.
inline constexpr std::int64_t kMinStepNs = 100'000, kMaxStepNs = 10'000'000'000;

/// A plan from a policy in joint space: row i is the setpoint at `t0_ns + i * dt_ns`.
struct ChunkView {
  std::span<const float> rows_rad;  ///< rows * joints, row-major.
  std::uint32_t rows = 0;
  std::int64_t t0_ns = 0;
  std::int64_t dt_ns = 0;
  std::uint32_t delay = 0;  ///< Rows below this are committed: already planned.
  bool final = false;       ///< Nothing follows: the arm holds the last row, and that is no underflow.
};

enum class PushStatus : std::uint8_t {
  accepted,
  accepted_late,  ///< Came after `t0 + delay * dt`; spliced in where the arm is now.
  expired,        ///< Its last row has passed; nothing changed.
  malformed,      ///< Shape, time step or delay impossible, or a number that is not finite; nothing changed.
  out_of_range,   ///< A value that its joint cannot mean, such as degrees for radians; nothing changed.
  out_of_time,    ///< Begins too far ahead, or behind more plan than there is room for; nothing changed.
  not_running     ///< The robot is not in a mode that follows chunks; nothing changed.
};

/// Where an empty buffer starts from: the setpoint in force.
struct Anchor {
  std::uint64_t epoch = 0;
  std::int64_t t_ns = 0;
  PerJoint<float> position_rad{};
};

/// Counters of one pushing thread.
struct ChunkCounters {
  std::uint64_t pushed = 0, stitches = 0, late_chunks = 0, expired = 0;
  std::uint64_t malformed = 0;  ///< Refused: malformed, out of range, out of time.
  float seam_jump_max_rad =
      0.0f;  ///< Largest distance between old plan and new chunk at a seam, before blending.
  std::uint64_t approaches = 0;      ///< Plans that began too far away.
  std::uint32_t approach_joint = 0;  ///< Which joint was furthest from the last of them, and how far.
  float approach_rad = 0.0f;
  SeamStatistics seams{};  ///< Of every stitch: the start from a standstill is none.
};

/// The plan the control thread follows, and the only way to change it.
///
/// One thread pushes chunks (inference), one samples (control); the hand-over is a triple buffer, so neither
/// waits. A push splices: up to the last committed row the old plan stays as it is, curve and all; from there
/// on the new rows hold. Where the new chunk does not start where the old plan is (it came late, or broke its
/// promise), the difference is carried along and faded out over `blend_ns`, so the setpoint never jumps.
///
/// Where the own rows of a chunk begin further from the arm than a policy that saw it there could mean, the
/// difference is faded out at the approach speed instead, over as many chunks as that takes, or after the
/// last row of this one. From rest the first own row counts; in motion only what remains at the seam, since a
/// jump between rows is then a command.
class ChunkBuffer {
 public:
  /// `blend_ns`: over which a difference at the seam is faded out.
  ChunkBuffer(std::uint32_t joints, std::int64_t blend_ns, const Meaning& meaning,
              const ApproachLimits& approach) noexcept;

  // Pushing thread.
  PushStatus push(const ChunkView& chunk, std::int64_t now_ns, const Anchor& anchor) noexcept;
  /// Setpoints planned at `t0 + i * dt`, i < rows; the anchor where there is no plan. out: rows * joints.
  void committed(std::int64_t t0_ns, std::int64_t dt_ns, std::uint32_t rows, const Anchor& anchor,
                 std::span<float> out_rad) const noexcept;
  const Meaning& meaning() const noexcept { return meaning_; }
  const ChunkCounters& counters() const noexcept { return counters_; }

  // Sampling thread.
  bool refresh() noexcept { return handed_over_.refresh(); }
  const Plan& plan() const noexcept { return handed_over_.current(); }

 private:
  /// `accepted` where nothing speaks against it.
  PushStatus judge(const ChunkView& chunk, std::int64_t now_ns) const noexcept;
  bool well_formed(const ChunkView& chunk) const noexcept;
  bool meant(const ChunkView& chunk) const noexcept;
  float planned(const ChunkView& chunk, std::uint32_t row, std::uint32_t joint) const noexcept;
  void chunk_at(const ChunkView& chunk, std::int64_t t_ns, std::span<float> out) const noexcept;
  void own_start(const ChunkView& chunk, std::int64_t seam_ns, std::span<float> out) const noexcept;
  bool has_room(std::int64_t now_ns, std::int64_t seam_ns) const noexcept;
  void restart(const Anchor& anchor) noexcept;
  void forget_before(std::int64_t t_ns) noexcept;
  Seam measure(const ChunkView& chunk, std::int64_t seam_ns) const noexcept;
  void splice(const ChunkView& chunk, std::int64_t seam_ns, bool from_rest) noexcept;
  bool watch_approach(const ChunkView& chunk, const Knot& seam, bool from_rest,
                      PerJoint<float>& offset_rad) noexcept;

  std::uint32_t joints_;
  std::int64_t blend_ns_;
  Meaning meaning_;
  ApproachLimits approach_;
  JointMask approaching_ = 0;            // joints that have not reached the plan yet
  PerJoint<std::int64_t> reached_ns_{};  // when they will, if nothing changes
  Plan draft_{};                         // the pushing thread's copy of what it published last
  ChunkCounters counters_{};
  TripleBuffer<Plan> handed_over_{};
};

}  // namespace motorium
