#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "bus/joint_bus.hpp"
#include "motorium/capacities.hpp"
#include "runtime/seam_statistics.hpp"

namespace motorium {

/// A setpoint to be met at one instant, with the slopes of the curve before and after it.
/// They differ only at a seam between two chunks, where the new chunk may turn back.
struct Knot {
  std::int64_t t_ns = 0;
  PerJoint<float> position_rad{};
  PerJoint<float> slope_in_rad_s{};
  PerJoint<float> slope_out_rad_s{};
};

/// Setpoints over a stretch of time in joint space: piecewise cubic Hermite, exact at every knot, constant
/// before the first and after the last. Trivially copyable; never allocates.
struct Plan {
  /// Room for a chunk, its seam, and as much again of the plan before it.
  static constexpr std::uint32_t kCapacity = 2 * kMaxChunkRows + 64;

  std::uint64_t version = 0;  ///< Counts published plans; 0: none.
  std::uint64_t epoch = 0;    ///< Plans of an older epoch are void; see ControlCore.
  std::uint32_t joints = 0;
  std::uint32_t count = 0;
  bool late = false;      ///< The chunk arrived after its first own row was due.
  bool approach = false;  ///< It begins far from the arm, which approaches it slowly.
  bool final = false;     ///< Its end is no underflow.
  Seam seam{};            ///< Where the chunk was spliced.
  std::array<Knot, kCapacity> knots{};

  /// Copies `other`, without touching the memory of unused knots.
  void take(const Plan& other) noexcept;

  std::int64_t end_ns() const noexcept { return count == 0 ? INT64_MIN : knots[count - 1].t_ns; }

  /// Position at `t_ns`; slope and curvature just before it (0 outside the knots).
  void sample(std::int64_t t_ns, std::span<float> position_rad) const noexcept;
  void slope_before(std::int64_t t_ns, std::span<float> slope_rad_s) const noexcept;
  void curvature_before(std::int64_t t_ns, std::span<float> curvature_rad_s2) const noexcept;

  /// Computes the slopes of knots `first`.. from their positions, such that no segment leaves the range of
  /// its two knots. Fritsch and Butland, "A method for constructing local monotone piecewise cubic
  /// interpolants" (1984): the weighted harmonic mean of the neighbouring secants, 0 at a local extremum.
  /// Knot `first` keeps its `slope_in`; its `slope_out` is the same, limited to 3 secants (Fritsch and
  /// Carlson, 1980). The last slope is the last secant, so that a plan fed one row at a time moves through
  /// its rows at constant speed.
  void shape_from(std::uint32_t first) noexcept;

 private:
  std::uint32_t last_knot_at_or_before(std::int64_t t_ns) const noexcept;
  template <typename Value>
  void on_segment_before(std::int64_t t_ns, std::span<float> out, const Value& value) const noexcept;
};

}  // namespace motorium
