#include "emulator/virtual_chain.hpp"

#include <algorithm>
#include <stdexcept>

namespace motorium {
namespace {

constexpr std::uint8_t kMaxId = 0xFC;  // in both protocols

}  // namespace

void check_servo_ids(std::span<const std::uint8_t> ids) {
  if (ids.empty()) throw std::invalid_argument("an emulator needs at least one servo id");
  for (const std::uint8_t id : ids) {
    if (id > kMaxId) throw std::invalid_argument("servo ids are 0..252");
    if (std::count(ids.begin(), ids.end(), id) > 1) throw std::invalid_argument("servo ids must differ");
  }
}

}  // namespace motorium
