#include "emulator/servo_fault.hpp"

#include <algorithm>
#include <array>

namespace motorium {
namespace {

// Noise with false headers of both protocols.
constexpr std::array<std::uint8_t, 9> kNoise{0x00, 0xFF, 0xFF, 0x01, 0xFA, 0xFF, 0xFF, 0xFD, 0x37};

}  // namespace

void FaultEngine::set(ServoFault kind, int servo, std::uint32_t period) noexcept {
  kind_ = kind;
  servo_ = servo;
  period_ = std::max<std::uint32_t>(period, 1);
  seen_ = 0;
}

ServoFault FaultEngine::strike(int servo) noexcept {
  const bool concerned =
      kind_ != ServoFault::none && kind_ != ServoFault::echo && (servo_ < 0 || servo_ == servo);
  return concerned && ++seen_ % period_ == 0 ? kind_ : ServoFault::none;
}

void FaultEngine::spoil(ServoFault kind, std::vector<std::uint8_t>& packet) {
  if (packet.size() < 2) return;
  if (kind == ServoFault::corrupt) packet[packet.size() - 2] ^= 0x10;
  if (kind == ServoFault::truncate) packet.resize(packet.size() / 2);
  if (kind == ServoFault::garbage_before) packet.insert(packet.begin(), kNoise.begin(), kNoise.end());
  if (kind == ServoFault::garbage_after) packet.insert(packet.end(), kNoise.begin(), kNoise.end());
  if (kind == ServoFault::duplicate) {
    const std::vector<std::uint8_t> again(packet);
    packet.insert(packet.end(), again.begin(), again.end());
  }
}

}  // namespace motorium
