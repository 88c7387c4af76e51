#pragma once

#include <cstddef>
#include <cstdint>

#include "motorium/history_ring.hpp"
#include "runtime/telemetry.hpp"

namespace motorium {

/// Keeps the last ticks of a control thread, to look up joints and setpoints by time. One writer, any number
/// of readers.
class TickHistory {
 public:
  TickHistory(std::size_t ticks, std::uint32_t joints) : ring_(ticks), joints_(joints) {}

  /// For the control thread.
  void push(const TickRecord& record) noexcept { ring_.push(record); }

  /// Joint state at `t_ns`, interpolated between reads; outside the history, the nearest one. False before
  /// the first read.
  bool state_at(std::int64_t t_ns, TickRecord& record) const noexcept;
  /// Setpoint in force at `t_ns`, linear between ticks; before the history, the oldest one. False when no
  /// tick has reached that time.
  bool setpoint_at(std::int64_t t_ns, PerJoint<float>& setpoint_rad) const noexcept;
  const HistoryRing<TickRecord>& ring() const noexcept { return ring_; }

 private:
  HistoryRing<TickRecord> ring_;
  std::uint32_t joints_;
};

}  // namespace motorium
