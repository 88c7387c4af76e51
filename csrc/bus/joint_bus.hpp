#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/latency_report.hpp"
#include "motorium/capacities.hpp"

namespace motorium {

template <class T>
using PerJoint = std::array<T, kMaxJoints>;

/// Readings of all joints after one read, in the robot's joint order. Times are CLOCK_MONOTONIC. A joint
/// whose reply was lost keeps its old values and its old `joint_t_ns`.
struct JointState {
  std::int64_t t_ns = 0;  ///< When this read finished.
  std::uint32_t n = 0;
  PerJoint<float> position_rad{};
  PerJoint<float> velocity_rad_s{};
  PerJoint<float> effort{};  ///< Signed fraction of stall torque, -1..1.
  PerJoint<float> voltage_v{};
  PerJoint<float> temperature_c{};
  PerJoint<std::uint8_t> status{};  ///< Vendor's status bits; 0: healthy.
  PerJoint<std::int64_t> joint_t_ns{};
};

enum class BusStatus : std::uint8_t { ok, stale_joints, io_error, closed };

/// Counters of one bus since it was opened; they only rise.
struct BusCounters {
  std::uint64_t cycles = 0;
  std::uint64_t crc_errors = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t length_errors = 0;
  std::uint64_t wrong_id = 0;
  std::uint64_t flushed_bytes = 0;
  std::uint64_t late_replies = 0;  ///< Arrived after their time was up, or may have; not used.
  std::uint64_t io_errors = 0;
  std::uint64_t refusals = 0;  ///< A servo answered with an error instead of obeying.
};

/// Joint positions that have passed `mtr_limits_apply`. Only SafetyGate can make one, so no ungated number
/// can reach `JointBus::write_goal`.
class GatedGoal {
 public:
  const PerJoint<float>& position_rad() const noexcept { return position_rad_; }
  std::uint32_t size() const noexcept { return n_; }
  /// Returns the goals of `n` joints from `first` on, for one of several buses.
  GatedGoal part(std::uint32_t first, std::uint32_t n) const noexcept {
    GatedGoal goal;
    for (std::uint32_t j = 0; j < n && first + j < n_; ++j) {
      goal.position_rad_[j] = position_rad_[first + j];
      goal.n_ = j + 1;
    }
    return goal;
  }

 private:
  friend class SafetyGate;
  GatedGoal() = default;
  PerJoint<float> position_rad_{};
  std::uint32_t n_ = 0;
};

/// Prepared packets that take a chain's torque away step by step, for a process that outlives the driver.
struct ShutdownSequence {
  struct Packet {
    std::array<std::uint8_t, kMaxShutdownFrame> bytes{};
    std::size_t size = 0;
    std::int64_t pause_ns = 0;  ///< Before the next one.
    std::size_t line = 0;       ///< Index into `fds`.
  };
  std::vector<int> fds;         ///< Descriptors of the open ports.
  std::vector<Packet> packets;  ///< Empty: the servos have their own watchdog.

  /// Returns the index of `fd` in `fds`, adding it if needed.
  std::size_t line_of(int fd) {
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i] == fd) return i;
    }
    fds.push_back(fd);
    return fds.size() - 1;
  }
};

/// Who takes the torque when the program was killed; for several arms, all that apply.
enum class WatchedBy : std::uint8_t { supervisor = 1, servos = 2, nobody = 4 };

constexpr WatchedBy operator|(WatchedBy a, WatchedBy b) noexcept {
  return static_cast<WatchedBy>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(WatchedBy all, WatchedBy one) noexcept {
  return (static_cast<unsigned>(all) & static_cast<unsigned>(one)) != 0;
}

/// A chain of servos in SI units. No method throws or allocates, except `shutdown_sequence` and `watched_by`.
class JointBus {
 public:
  virtual ~JointBus() = default;
  virtual BusStatus read_state(JointState& state) noexcept = 0;
  virtual BusStatus write_goal(const GatedGoal& goal) noexcept = 0;
  virtual BusStatus set_torque(bool on) noexcept = 0;
  virtual BusCounters counters() const noexcept = 0;
  /// Measured when the port was opened.
  virtual LatencyReport latency() const noexcept { return {}; }
  virtual ShutdownSequence shutdown_sequence() const { return {}; }
  /// Names the servo setting that prevented torque at the last try; empty: none. From any thread but the
  /// control thread, like `shutdown_sequence`.
  virtual std::string torque_problem() const { return {}; }
  /// Says what ends the arm's torque or motion when this process dies. Allocates.
  virtual WatchedBy watched_by() const {
    return shutdown_sequence().packets.empty() ? WatchedBy::nobody : WatchedBy::supervisor;
  }
};

}  // namespace motorium
