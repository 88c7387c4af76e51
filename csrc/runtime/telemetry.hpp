#pragma once

#include <cstdint>
#include <vector>

#include "bus/joint_bus.hpp"
#include "motorium/history_ring.hpp"
#include "runtime/core_snapshot.hpp"

namespace motorium {

/// One recorded control tick.
struct TickRecord {
  std::int64_t t_ns = 0;        ///< Time of the tick on the control grid.
  std::int64_t state_t_ns = 0;  ///< When the joints were read.
  std::uint64_t tick = 0;
  std::uint32_t period_us = 0;  ///< Since the wake-up of the previous tick.
  std::uint32_t events = 0;     ///< TickEvent bits.
  Mode mode = Mode::idle;
  std::uint8_t verdict = 0;  ///< mtr_verdict.
  std::uint16_t gate_causes = 0;
  PerJoint<float> position_rad{}, velocity_rad_s{}, effort{}, setpoint_rad{}, goal_rad{};
  Seam seam{};  ///< Of the chunk spliced in this tick; else zero.
};

/// Reads the telemetry once, in order, and counts the records that were overwritten before they were read.
class TelemetryReader {
 public:
  std::vector<TickRecord> drain(const HistoryRing<TickRecord>& history);
  std::uint64_t overwritten() const noexcept { return overwritten_; }

 private:
  std::uint64_t next_ = 0, overwritten_ = 0;
};

}  // namespace motorium
