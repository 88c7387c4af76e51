#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bus/joint_bus.hpp"
#include "bus/servo_link.hpp"
#include "bus/setting_rules.hpp"

namespace motorium {

using Bytes = std::vector<std::uint8_t>;

/// Accesses raw registers of one chain of servos, for scan, set-up, calibration and diagnosis. Can prepare a
/// servo but never move it: goals, torque and modes belong to the gate and the driver. One thread at a time.
///
/// Every call throws BusError when the port is gone, and std::invalid_argument for what a frame of the
/// protocol cannot express.
class ServiceBus {
 public:
  /// How to reach a chain.
  struct Line {
    std::uint32_t baud = 1'000'000;
    double reply_margin_s = 0.004;  ///< How long beyond wire time an answer may take.
    bool fresh = true;              ///< Wait out overdue replies first; else tell them apart by length.
  };

  /// `family`: a name of the family table. Throws BusError as SerialPort does, std::invalid_argument for
  /// another family.
  ServiceBus(const std::string& family, const std::string& port, const Line& line);

  bool ping(std::uint8_t id);
  /// Reads registers; empty without a proper answer.
  std::optional<Bytes> read(std::uint8_t id, std::uint16_t address, std::uint8_t size);
  /// Reads from several servos, with one entry per id; empty where there was no proper answer. `fast`: in one
  /// packet that all servos share (Fast Sync Read); std::invalid_argument if the protocol has none.
  std::vector<std::optional<Bytes>> sync_read(const std::vector<std::uint8_t>& ids, std::uint16_t address,
                                              std::uint8_t size, bool fast = false);
  /// Writes to one servo without torque; false: it did not confirm. Throws std::invalid_argument for
  /// registers that move a motor, BusError when the servo is under torque.
  bool configure(std::uint8_t id, std::uint16_t address, std::span<const std::uint8_t> data);
  /// Restarts a servo without torque; std::invalid_argument if the protocol has no such request.
  bool reboot(std::uint8_t id);

  BusCounters counters() const noexcept { return link_->counters(); }
  LatencyReport latency() const { return link_->latency(); }
  const std::string& port() const noexcept { return link_->path(); }

 private:
  void must_be_open(LinkStatus status) const;

  RawWrites writes_;
  std::unique_ptr<ServoLink> link_;
};

}  // namespace motorium
