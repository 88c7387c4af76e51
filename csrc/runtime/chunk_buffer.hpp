#pragma once

#include <cstdint>
#include <span>

#include "motorium/latest_slot.hpp"
#include "runtime/chunk_limits.hpp"
#include "runtime/plan.hpp"

namespace motorium {

/// Allowed time between rows: from below the period of any control thread to longer than any plan pauses.
inline constexpr std::int64_t kMinStepNs = 100'000, kMaxStepNs = 10'000'000'000;

/// A policy's chunk in joint space: row i is the setpoint at `t0_ns + i * dt_ns`.
struct ChunkView {
  std::span<const float> rows_rad;  ///< rows * joints values, row-major.
  std::uint32_t rows = 0;
  std::int64_t t0_ns = 0;
  std::int64_t dt_ns = 0;
  std::uint32_t delay = 0;  ///< Rows before this one are committed: already planned.
  bool final = false;       ///< The arm holds the last row; no underflow follows.
};

enum class PushStatus : std::uint8_t {
  accepted,
  late,          ///< Accepted after `t0 + delay * dt`: spliced in at the arm's current place.
  expired,       ///< The time of its last row has passed; nothing changed.
  malformed,     ///< Impossible shape, time step or delay, or a number that is not finite; nothing changed.
  out_of_range,  ///< A value implausible for its joint, such as degrees for radians; nothing changed.
  out_of_time,   ///< Begins too far ahead, or behind more plan than fits; nothing changed.
  not_running    ///< The robot is not in a mode that follows chunks; nothing changed.
};

/// The setpoint in force, where an empty buffer starts.
struct Anchor {
  std::uint64_t epoch = 0;
  std::int64_t t_ns = 0;
  PerJoint<float> position_rad{};
};

/// Counters of the pushing thread.
struct ChunkCounters {
  std::uint64_t pushed = 0, stitches = 0, late_chunks = 0, expired = 0;
  std::uint64_t malformed = 0;  ///< Refused: malformed, out of range or out of time.
  /// Largest distance between old plan and new chunk at a seam, before blending.
  float seam_jump_max_rad = 0.0f;
  std::uint64_t approaches = 0;      ///< Plans that began too far from the arm.
  std::uint32_t approach_joint = 0;  ///< The joint that was furthest from the last of them, and by how much.
  float approach_rad = 0.0f;
  SeamStatistics seams{};  ///< Of every stitch; a start from standstill is not one.
};

/// Holds the plan that the control thread follows, and is the only way to change it.
///
/// One thread pushes chunks (inference), one samples (control); a triple buffer between them means that
/// neither waits. A push splices: up to the last committed row the old plan stays as it is, curve and all;
/// from there on the new rows apply. Where the new chunk does not start on the old plan (it came late, or
/// changed committed rows), the difference fades out over `blend_ns`, so the setpoint never jumps.
///
/// A chunk whose own rows, those after the committed ones, begin too far from the arm is approached instead:
/// the difference fades out at the approach speed, over as many chunks as that takes, or after the last row
/// of this one. "Too far" is more than a policy that saw the arm could mean. From rest, the first own row is
/// compared; in motion, only the difference at the seam, since a jump between rows is then a command.
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
  /// Returns `accepted` when nothing is wrong with the chunk.
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
  PerJoint<std::int64_t> reached_ns_{};  // when they will, at the current speed
  Plan draft_{};                         // the pushing thread's copy of the last published plan
  ChunkCounters counters_{};
  TripleBuffer<Plan> handed_over_{};
};

}  // namespace motorium
