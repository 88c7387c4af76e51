#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/dynamixel.h"
#include "emulator/dynamixel_table.hpp"
#include "emulator/virtual_chain.hpp"

namespace motorium {

/// Servos that answer Dynamixel protocol 2.0, models mixed.
class DynamixelChain final : public VirtualChain {
 public:
  /// Throws std::invalid_argument (ids, registers).
  explicit DynamixelChain(const ServoModels& servos);

  void consume(std::span<const std::uint8_t> bytes) override;
  std::size_t size() const noexcept override { return servos_.size(); }
  VirtualServo& servo(std::size_t i) noexcept override { return servos_[i]; }

 private:
  using Bytes = std::span<const std::uint8_t>;
  struct Asked {
    std::uint8_t id;
    std::uint16_t address, size;
  };

  void handle(const mtr_dxl_view& view);
  void obey_shadows(const mtr_dxl_view& view);
  void handle_one(std::size_t servo, const mtr_dxl_view& view);
  std::uint8_t handle_command(DynamixelTable& servo, const mtr_dxl_view& view);
  void sync_write(Bytes parameters) noexcept;
  void bulk_write(Bytes parameters) noexcept;
  void read_each(const std::vector<Asked>& asked);
  void read_together(const std::vector<Asked>& asked);
  int find(std::uint8_t id) noexcept;
  void reply(std::size_t servo, std::uint8_t id, std::uint8_t error, Bytes data);

  std::vector<DynamixelTable> servos_;
  mtr_dxl_parser parser_{};
};

}  // namespace motorium
