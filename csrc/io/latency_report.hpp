#pragma once

#include <cstdint>

namespace motorium {

/// Whether a serial port hands on bytes as they arrive. USB adapters may collect them for up to 16 ms.
struct LatencyReport {
  enum class Setting : std::uint8_t {
    not_applicable,  ///< Nothing to set: a pseudo-terminal, or a driver that never collects.
    low,             ///< The driver took the low-latency setting.
    refused          ///< It did not: replies may come late.
  };
  Setting setting = Setting::not_applicable;
  int timer_ms = -1;  ///< The adapter's own timer as the driver reports it; -1: it has none.
};

}  // namespace motorium
