#include "emulator/servo_model.hpp"

#include <set>
#include <stdexcept>
#include <string>

namespace motorium {
namespace {

constexpr std::uint8_t kMaxId = 0xFC;  // of all protocols

}  // namespace

ServoModels alike(const std::vector<std::uint8_t>& ids, const ServoModel& model) {
  ServoModels servos;
  for (const std::uint8_t id : ids) servos.emplace_back(id, model);
  return servos;
}

void check_servo_ids(const ServoModels& servos) {
  if (servos.empty()) throw std::invalid_argument("an emulator needs at least one servo id");
  std::set<std::uint8_t> ids;
  for (const auto& [id, model] : servos) {
    if (id > kMaxId) throw std::invalid_argument("servo ids are 0..252");
    if (!ids.insert(id).second) throw std::invalid_argument("servo ids must differ");
  }
}

void check_counts(std::int32_t counts) {
  if (counts < 2 || counts > kMaxTicksPerTurn)
    throw std::invalid_argument("an encoder has 2.." + std::to_string(kMaxTicksPerTurn) + " counts");
}

}  // namespace motorium
