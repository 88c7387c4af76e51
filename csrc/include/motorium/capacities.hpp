#pragma once

#include <cstddef>
#include <cstdint>

/// Capacities of the core, one constant each. They are checked when something is bound (a bus is opened, a
/// control loop or a plan is made), so no run ever exceeds one.
namespace motorium {

/// Joints of one robot, on all of its buses together. The portable core's MTR_MAX_JOINTS is the same.
inline constexpr std::uint32_t kMaxJoints = 32;

/// A set of joints: bit j is joint j.
using JointMask = std::uint32_t;
static_assert(kMaxJoints <= 8 * sizeof(JointMask), "a JointMask holds a bit per joint");
constexpr JointMask joint_bit(std::uint32_t joint) noexcept { return JointMask{1} << joint; }

/// Rows of a chunk: the most a descriptor may declare, and the size of every buffer.
inline constexpr std::uint32_t kMaxChunkRows = 256;

/// Size of a frame that writes two bytes to every servo of a chain: an id and two bytes each, plus the
/// framing of either protocol (Dynamixel 14, Feetech 8), with room for stuffing.
inline constexpr std::size_t kMaxShutdownFrame = 2 * (14 + 3 * std::size_t{kMaxJoints});

/// Largest encoder count: positions are sent as 15 bits and a sign.
inline constexpr std::int32_t kMaxTicksPerTurn = 32768;
/// Resolution of an STS3215 and of every Dynamixel X; other servos declare theirs.
inline constexpr std::int32_t kUsualTicksPerTurn = 4096;

}  // namespace motorium
