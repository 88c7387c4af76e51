#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "io/latency_report.hpp"

namespace motorium {

enum class IoStatus : std::uint8_t { ok, timeout, closed };

struct IoResult {
  IoStatus status = IoStatus::ok;
  std::size_t n = 0;  ///< bytes transferred
};

/// A raw 8N1 serial line, held exclusively. Works on ports without modem lines (pseudo-terminals).
class SerialPort {
 public:
  /// Throws BusError when the port is absent, busy, denied, or refuses the baud rate.
  SerialPort(const std::string& path, std::uint32_t baud);
  ~SerialPort();
  SerialPort(const SerialPort&) = delete;
  SerialPort& operator=(const SerialPort&) = delete;

  /// Waits for at least one byte until the deadline (CLOCK_MONOTONIC); returns all that has arrived.
  IoResult read_some(std::span<std::uint8_t> buffer, std::int64_t deadline_ns) noexcept;
  /// Writes all bytes, or reports how many by the deadline.
  IoResult write_all(std::span<const std::uint8_t> bytes, std::int64_t deadline_ns) noexcept;
  /// Returns what has arrived so far, as much as fits; 0: nothing, or the port is gone.
  std::size_t read_waiting(std::span<std::uint8_t> buffer) noexcept;
  /// Discards what has arrived so far; returns how many bytes.
  std::size_t discard_input() noexcept;

  int descriptor() const noexcept { return fd_; }
  const std::string& path() const noexcept { return path_; }
  const LatencyReport& latency() const noexcept { return latency_; }

 private:
  IoStatus wait(short events, std::int64_t deadline_ns) noexcept;
  void configure(std::uint32_t baud);
  void lock();
  void ask_for_low_latency();

  std::string path_;
  int fd_ = -1;
  bool pseudo_terminal_ = false;
  LatencyReport latency_;
};

}  // namespace motorium
