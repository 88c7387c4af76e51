#include "bus/bus_config.hpp"

#include <cmath>
#include <stdexcept>

#include "bus/joint_bus.hpp"

namespace motorium {
namespace {

constexpr std::uint8_t kMaxId = 0xFC;  // in both families

bool positive(float value) { return value > 0.0F && std::isfinite(value); }

void check(const ServoJoint& joint) {
  if (joint.id > kMaxId) throw std::invalid_argument("servo ids are 0..252");
  if (joint.sign != 1 && joint.sign != -1) throw std::invalid_argument("sign must be +1 or -1");
  if (!std::isfinite(joint.zero_ticks) || !std::isfinite(joint.middle_ticks))
    throw std::invalid_argument("zero_ticks and middle_ticks must be finite");
  if (!positive(joint.ticks_per_rad) || !positive(joint.rad_s_per_unit) ||
      !positive(joint.effort_full_scale) || joint.min_ticks >= joint.max_ticks)
    throw std::invalid_argument("need positive scales and min_ticks < max_ticks");
}

}  // namespace

std::uint32_t TraitReader::number(const std::string& name, std::uint32_t otherwise, std::uint32_t most) {
  known_.insert(name);
  const auto found = traits_.find(name);
  if (found == traits_.end()) return otherwise;
  if (found->second > most)
    throw std::invalid_argument("trait " + name + " is " + std::to_string(found->second) + ", at most " +
                                std::to_string(most));
  return found->second;
}

void TraitReader::close() const {
  for (const auto& [name, value] : traits_) {
    if (!known_.contains(name)) throw std::invalid_argument("this bus family knows no trait '" + name + "'");
  }
}

void check_bus(const BusConfig& config) {
  if (config.baud < 1 || !(config.reply_margin_s > 0.0) || config.reply_margin_s > 1.0)
    throw std::invalid_argument("need baud > 0 and reply_margin_s in (0, 1]");
  if (!(config.health_period_s >= 0.0) || config.health_period_s > 60.0)
    throw std::invalid_argument("need health_period_s in [0, 60]");
  if (config.joints.empty() || config.joints.size() > kMaxJoints)
    throw std::invalid_argument("a bus needs 1 to 32 servo ids");
  std::set<std::uint8_t> ids;
  for (const ServoJoint& joint : config.joints) {
    check(joint);
    if (!ids.insert(joint.id).second)
      throw std::invalid_argument("servo id " + std::to_string(joint.id) + " is used more than once");
  }
}

}  // namespace motorium
