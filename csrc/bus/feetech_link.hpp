#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "bus/joint_bus.hpp"
#include "bus/serial_port.hpp"
#include "core/feetech.h"

namespace motorium {

/// Outcome of one request.
enum class LinkStatus : std::uint8_t {
  ok,
  incomplete,  ///< Not every servo answered well in time.
  closed,      ///< The port is gone.
  invalid      ///< The request cannot be framed (size, count).
};

/// Requests and replies of Feetech protocol 0 over one serial line: raw registers, no units.
/// After construction nothing throws or allocates. One thread at a time.
class FeetechLink {
 public:
  /// Throws BusError as SerialPort does.
  FeetechLink(const std::string& port, std::uint32_t baud, double reply_margin_s);

  /// `error` (may be null) receives the status byte of the reply.
  LinkStatus ping(std::uint8_t id, std::uint8_t* error) noexcept;
  LinkStatus read(std::uint8_t id, std::uint8_t address, std::span<std::uint8_t> data,
                  std::uint8_t* error) noexcept;
  /// Waits for the servo's acknowledgement; with id MTR_FT_BROADCAST there is none.
  LinkStatus write(std::uint8_t id, std::uint8_t address, std::span<const std::uint8_t> data,
                   std::uint8_t* error) noexcept;

  /// Reads `size` bytes from every servo in `ids`. Row i of `rows` (ids x size) and `errors[i]` are written
  /// only when `answered[i]` becomes true. Stops early once the last servo has spoken, for servos answer in
  /// the order asked.
  LinkStatus sync_read(std::span<const std::uint8_t> ids, std::uint8_t address, std::uint8_t size,
                       std::span<std::uint8_t> rows, std::span<std::uint8_t> errors,
                       std::span<bool> answered) noexcept;
  /// Writes row i of `rows` (ids x size) to servo i; servos do not acknowledge.
  LinkStatus sync_write(std::span<const std::uint8_t> ids, std::uint8_t address, std::uint8_t size,
                        std::span<const std::uint8_t> rows) noexcept;

  const BusCounters& counters() const noexcept { return counters_; }
  const std::string& path() const noexcept { return port_.path(); }
  /// Upper bound for the time of one request with replies: wire time, return delays and the margin.
  std::int64_t timeout_ns(std::size_t request_bytes, std::size_t reply_bytes,
                          std::size_t replies) const noexcept;
  /// How late a reply may be beyond wire time; outside the control loop there is time to be patient.
  void set_reply_margin_s(double margin_s) noexcept;
  /// How long each servo may wait before it answers; the factory setting until told otherwise.
  void set_return_delay_ns(std::int64_t delay_ns) noexcept { return_delay_ns_ = delay_ns; }

 private:
  struct Expected;

  LinkStatus ask_one(std::size_t n, std::uint8_t id, std::span<std::uint8_t> data,
                     std::uint8_t* error) noexcept;
  LinkStatus send(std::size_t n) noexcept;
  LinkStatus collect(Expected& expected, std::size_t request_bytes) noexcept;
  bool take(Expected& expected, std::span<const std::uint8_t> bytes) noexcept;
  static bool accept(Expected& expected, const mtr_ft_view& view, BusCounters& counters) noexcept;

  SerialPort port_;
  double byte_ns_;
  std::int64_t margin_ns_;
  std::int64_t return_delay_ns_ = 500'000;  // register value 250, in units of 2 us
  BusCounters counters_;
  mtr_ft_parser parser_{};
  std::array<std::uint8_t, MTR_FT_MAX_PACKET> request_{};
};

}  // namespace motorium
