#include "emulator/chain_family.hpp"

#include <array>
#include <stdexcept>

#include "emulator/dynamixel_chain.hpp"
#include "emulator/feetech_chain.hpp"

namespace motorium {
namespace {

template <class Chain>
std::unique_ptr<VirtualChain> make(const ServoModels& servos) {
  return std::make_unique<Chain>(servos);
}

/// A family is one line.
constexpr std::array kFamilies{
    ChainFamily{"feetech", make<FeetechChain>},
    ChainFamily{"dynamixel", make<DynamixelChain>},
};

}  // namespace

std::span<const ChainFamily> chain_families() noexcept { return kFamilies; }

std::unique_ptr<VirtualChain> make_chain(const std::string& family, const ServoModels& servos) {
  std::string known;
  for (const ChainFamily& one : kFamilies) {
    if (family == one.name) {
      check_servo_ids(servos);
      return one.make(servos);
    }
    known.append(known.empty() ? "" : ", ").append(one.name);
  }
  throw std::invalid_argument("no virtual servos of family '" + family + "'; known: " + known);
}

}  // namespace motorium
