#pragma once

#include <span>
#include <vector>

#include "core/feetech.h"
#include "emulator/servo_model.hpp"
#include "emulator/servo_table.hpp"
#include "emulator/virtual_chain.hpp"

namespace motorium {

/// Servos that answer Feetech protocol 0: of the STS series, or of the SCS series where registers have the high
/// byte first.
class FeetechChain final : public VirtualChain {
 public:
  /// Throws std::invalid_argument (counts).
  explicit FeetechChain(const ServoModels& servos);

  void consume(std::span<const std::uint8_t> bytes) override;
  std::size_t size() const noexcept override { return servos_.size(); }
  VirtualServo& servo(std::size_t i) noexcept override { return servos_[i]; }

 private:
  void handle(const mtr_ft_view& view);
  void handle_sync_read(std::span<const std::uint8_t> parameters);
  void handle_sync_write(std::span<const std::uint8_t> parameters) noexcept;
  void handle_one(std::size_t servo, const mtr_ft_view& view);
  void reply(std::size_t servo, std::span<const std::uint8_t> data);

  std::vector<ServoTable> servos_;
  mtr_ft_parser parser_{};
};

}  // namespace motorium
