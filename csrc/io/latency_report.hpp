#pragma once

#include <cstdint>

namespace motorium {

/// Whether a serial port passes bytes on as they arrive. USB adapters may hold them for up to 16 ms.
struct LatencyReport {
  enum class Setting : std::uint8_t {
    not_applicable,  ///< Nothing to set: a pseudo-terminal, or a driver that never holds bytes.
    low,             ///< The driver took the low-latency setting.
    refused          ///< It refused: replies may be late.
  };
  Setting setting = Setting::not_applicable;
  int timer_ms = -1;  ///< The adapter's own timer as the driver reports it; -1: none.
};

}  // namespace motorium
