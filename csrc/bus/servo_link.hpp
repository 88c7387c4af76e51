#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bus/half_duplex_line.hpp"
#include "bus/joint_bus.hpp"

namespace motorium {

/// Sends requests of one servo protocol over a serial line and receives the replies: raw registers, no units.
/// Neither throws nor allocates after construction. One thread at a time.
class ServoLink : private HalfDuplexLine::Listener {
 public:
  virtual ~ServoLink() = default;
  ServoLink(const ServoLink&) = delete;
  ServoLink& operator=(const ServoLink&) = delete;

  /// `error` (may be null) receives the error byte of the reply.
  virtual LinkStatus ping(std::uint8_t id, std::uint8_t* error) noexcept = 0;
  virtual LinkStatus read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data,
                          std::uint8_t* error) noexcept = 0;
  /// Waits for the servo's acknowledgement; with the broadcast id there is none.
  virtual LinkStatus write(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                           std::uint8_t* error) noexcept = 0;

  /// Reads `size` bytes from every servo in `ids`. Row i of `rows` (ids x size) and `errors[i]` are written
  /// only when `answered[i]` becomes true. Stops early once the last servo has spoken, since servos answer in
  /// the order asked.
  virtual LinkStatus sync_read(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                               std::span<std::uint8_t> rows, std::span<std::uint8_t> errors,
                               std::span<bool> answered) noexcept = 0;
  /// Writes row i of `rows` (ids x size) to servo i; servos do not acknowledge.
  virtual LinkStatus sync_write(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                                std::span<const std::uint8_t> rows) noexcept = 0;

  /// Reads like sync_read, but all servos answer in one shared packet; `unknown` if the protocol has none.
  virtual LinkStatus fast_sync_read(std::span<const std::uint8_t> /*ids*/, std::uint16_t /*address*/,
                                    std::uint16_t /*size*/, std::span<std::uint8_t> /*rows*/,
                                    std::span<std::uint8_t> /*errors*/,
                                    std::span<bool> /*answered*/) noexcept {
    return LinkStatus::unknown;
  }
  /// Restarts a servo without torque; `unknown` if the protocol has no such request.
  virtual LinkStatus reboot(std::uint8_t /*id*/, std::uint8_t* /*error*/) noexcept {
    return LinkStatus::unknown;
  }

  const BusCounters& counters() const noexcept { return line_.counters(); }
  int descriptor() const noexcept { return line_.descriptor(); }
  const std::string& path() const noexcept { return line_.path(); }
  const LatencyReport& latency() const noexcept { return line_.latency(); }
  /// See HalfDuplexLine.
  std::int64_t timeout_ns(std::size_t request_bytes, std::size_t reply_bytes,
                          std::size_t replies) const noexcept {
    return line_.timeout_ns(request_bytes, reply_bytes, replies);
  }
  void set_reply_margin_s(double margin_s) noexcept { line_.set_reply_margin_s(margin_s); }
  void set_return_delay_ns(std::int64_t delay_ns) noexcept { line_.set_return_delay_ns(delay_ns); }
  void set_when_overdue(WhenOverdue when) noexcept { line_.set_when_overdue(when); }
  bool doubtful() const noexcept { return line_.doubtful(); }
  void wait_out() noexcept { line_.wait_out(); }
  /// Allows reads that begin at `address` to ask for up to `room` bytes more than they need.
  void set_room(std::uint16_t address, std::size_t room) noexcept {
    room_address_ = address;
    room_ = room;
  }

 protected:
  /// Throws BusError as SerialPort does.
  ServoLink(const std::string& port, std::uint32_t baud, double reply_margin_s)
      : line_(port, baud, reply_margin_s) {
    line_.set_listener(this);
  }

  /// Returns how many extra bytes to ask of `ids`.
  std::size_t padding(std::span<const std::uint8_t> ids, std::uint16_t address, std::size_t size) noexcept {
    return room_ > 0 && address == room_address_ ? line_.padding(ids, size, room_) : 0;
  }

  HalfDuplexLine line_;
  std::uint16_t room_address_ = 0;
  std::size_t room_ = 0;
};

}  // namespace motorium
