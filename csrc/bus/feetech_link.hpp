#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "bus/recent_requests.hpp"
#include "bus/servo_link.hpp"
#include "core/feetech.h"

namespace motorium {

/// Speaks Feetech protocol 0 over one serial line. Addresses and sizes beyond one byte are invalid. Frames do
/// not tell requests from replies: a frame identical to a recent request counts as its echo, never as a
/// reply.
class FeetechLink final : public ServoLink {
 public:
  /// Throws BusError as SerialPort does.
  FeetechLink(const std::string& port, std::uint32_t baud, double reply_margin_s)
      : ServoLink(port, baud, reply_margin_s) {}

  /// Reads the id register, because the reply to the protocol's own ping looks like a request with error
  /// 0x01.
  LinkStatus ping(std::uint8_t id, std::uint8_t* error) noexcept override;
  LinkStatus read(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data,
                  std::uint8_t* error) noexcept override;
  LinkStatus write(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data,
                   std::uint8_t* error) noexcept override;
  LinkStatus sync_read(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                       std::span<std::uint8_t> rows, std::span<std::uint8_t> errors,
                       std::span<bool> answered) noexcept override;
  LinkStatus sync_write(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                        std::span<const std::uint8_t> rows) noexcept override;

  /// The SCS series has no sync read: its servos are asked one after the other.
  void set_sync_read(bool known) noexcept { sync_read_ = known; }

 private:
  LinkStatus read_in_turn(ReplySet& replies, std::uint16_t address) noexcept;
  LinkStatus read_one(std::uint8_t id, std::uint16_t address, std::span<std::uint8_t> data,
                      std::uint8_t* error, std::size_t padding) noexcept;
  LinkStatus ask_one(std::size_t n, std::uint8_t id, std::span<std::uint8_t> data, std::uint8_t* error,
                     std::size_t padding = 0) noexcept;
  LinkStatus ask(std::size_t n, ReplySet& replies) noexcept;
  void overhear(std::span<const std::uint8_t> bytes) noexcept override;
  bool is_own(const mtr_ft_view& view) noexcept;
  bool skipped_own() const noexcept;
  bool take(ReplySet& replies, std::span<const std::uint8_t> bytes) noexcept;

  bool sync_read_ = true;
  RecentRequests own_;
  bool own_came_ = false;  // since the last request
  mtr_ft_parser parser_{};
  std::array<std::uint8_t, MTR_FT_MAX_PACKET> request_{};
};

}  // namespace motorium
