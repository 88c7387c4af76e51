#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/joint_bus.hpp"
#include "bus/servo_link.hpp"
#include "bus/setting_rules.hpp"

namespace motorium {

using Bytes = std::vector<std::uint8_t>;

/// Raw registers of one chain of servos, for scan, set-up, calibration and diagnosis. It may prepare a servo,
/// never move one: goals, torque and modes belong to the gate and the driver. One thread at a time.
///
/// Every call throws BusError when the port is gone, and std::invalid_argument for what no frame of the
/// protocol can say.
class ServiceBus {
 public:
  /// How a chain is reached.
  struct Line {
    std::uint32_t baud = 1'000'000;
    double reply_margin_s = 0.004;  ///< How long beyond wire time an answer may take.
    bool fresh = true;  ///< What is overdue is waited out first; else its late reply is told by its length.
  };

  /// `family`: "feetech" or "dynamixel". Throws BusError as SerialPort does, std::invalid_argument for
  /// another family.
  ServiceBus(std::string_view family, const std::string& port, const Line& line);

  bool ping(std::uint8_t id);
  /// Nothing: no good answer.
  std::optional<Bytes> read(std::uint8_t id, std::uint16_t address, std::uint8_t size);
  /// One entry per id; nothing where there was no good answer. `fast`: in one packet that all servos write
  /// together (Fast Sync Read), which Dynamixel servos alone know.
  std::vector<std::optional<Bytes>> sync_read(const std::vector<std::uint8_t>& ids, std::uint16_t address,
                                              std::uint8_t size, bool fast = false);
  /// Writes to one servo without torque; false: it did not confirm. Throws std::invalid_argument for
  /// registers that move a motor, BusError where the servo is under torque.
  bool configure(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data);
  /// The servo starts anew, without torque; Dynamixel alone.
  bool reboot(std::uint8_t id);

  BusCounters counters() const noexcept { return link_->counters(); }
  LatencyReport latency() const { return link_->latency(); }
  const std::string& port() const noexcept { return link_->path(); }

 private:
  void must_be_open(LinkStatus status) const;

  std::unique_ptr<ServoLink> link_;
  RawWrites writes_;
};

}  // namespace motorium
