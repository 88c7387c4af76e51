#pragma once

#include <memory>
#include <span>
#include <string>

#include "emulator/servo_model.hpp"
#include "emulator/virtual_chain.hpp"

namespace motorium {

/// How virtual servos of one kind are made. Throws std::invalid_argument: ids or models that cannot be.
struct ChainFamily {
  const char* name;
  std::unique_ptr<VirtualChain> (*make)(const ServoModels& servos);
};

std::span<const ChainFamily> chain_families() noexcept;

/// Makes a chain of the family of that name. Throws as the family does, and std::invalid_argument that lists the
/// known ones.
std::unique_ptr<VirtualChain> make_chain(const std::string& family, const ServoModels& servos);

}  // namespace motorium
