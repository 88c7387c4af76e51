#pragma once

#include <cstdint>
#include <vector>

#include "bus/joint_bus.hpp"
#include "motorium/history_ring.hpp"
#include "runtime/core_snapshot.hpp"

namespace motorium {

/// One control tick as recorded.
struct TickRecord {
  std::int64_t t_ns = 0;        ///< The tick's time on the control grid.
  std::int64_t state_t_ns = 0;  ///< When the joints were read.
  std::uint64_t tick = 0;
  std::uint32_t period_us = 0;  ///< Since the previous tick woke up.
  std::uint32_t events = 0;     ///< TickEvent bits.
  Mode mode = Mode::idle;
  std::uint8_t verdict = 0;  ///< mtr_verdict.
  std::uint16_t gate_causes = 0;
  PerJoint<float> position_rad{}, velocity_rad_s{}, effort{}, setpoint_rad{}, goal_rad{};
  Seam seam{};  ///< Of the chunk taken over in this tick; zero without one.
};

/// One reader's way through the telemetry: every record once, in order; those that were overwritten before it
/// came are counted.
class TelemetryReader {
 public:
  std::vector<TickRecord> drain(const HistoryRing<TickRecord>& history);
  std::uint64_t overwritten() const noexcept { return overwritten_; }

 private:
  std::uint64_t next_ = 0, overwritten_ = 0;
};

}  // namespace motorium
