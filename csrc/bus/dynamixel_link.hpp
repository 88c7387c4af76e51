#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "bus/servo_link.hpp"
#include "core/dynamixel.h"

namespace motorium {

/// Speaks Dynamixel protocol 2.0 over one serial line. An error byte has MTR_DXL_ALERT set while the servo's
/// hardware error register is not zero; its low bits say why an instruction was refused (MTR_DXL_ACCESS,
/// ...).
class DynamixelLink final : public ServoLink {
 public:
  /// Throws BusError as SerialPort does.
  DynamixelLink(const std::string& port, std::uint32_t baud, double reply_margin_s)
      : ServoLink(port, baud, reply_margin_s) {}

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

  /// Reads like sync_read, but all servos answer in one shared packet (Fast Sync Read). A silent servo also
  /// silences those after it; blocks before a gap or damage are kept.
  LinkStatus fast_sync_read(std::span<const std::uint8_t> ids, std::uint16_t address, std::uint16_t size,
                            std::span<std::uint8_t> rows, std::span<std::uint8_t> errors,
                            std::span<bool> answered) noexcept override;
  /// Restarts the servo: RAM registers return to their start values, a latched hardware error is cleared.
  LinkStatus reboot(std::uint8_t id, std::uint8_t* error) noexcept override;

 private:
  LinkStatus ask_one(std::size_t n, std::uint8_t id, std::span<std::uint8_t> data,
                     std::uint8_t* error) noexcept;
  LinkStatus ask_many(std::uint8_t instruction, std::uint16_t address, ReplySet& replies) noexcept;
  LinkStatus ask(std::size_t n, std::size_t reply_bytes, ReplySet& replies) noexcept;
  void overhear(std::span<const std::uint8_t> bytes) noexcept override;
  bool take(ReplySet& replies, std::span<const std::uint8_t> bytes) noexcept;
  void take_blocks(ReplySet& replies) noexcept;
  void take_fast(ReplySet& replies, const mtr_dxl_view& view) noexcept;
  void take_packet(ReplySet& replies, const mtr_dxl_view& view) noexcept;
  bool drain(ReplySet& replies) noexcept;

  bool fast_ = false;
  mtr_dxl_parser parser_{};
  std::array<std::uint8_t, MTR_DXL_MAX_PACKET> request_{};
};

}  // namespace motorium
