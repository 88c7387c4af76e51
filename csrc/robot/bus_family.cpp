#include "robot/bus_family.hpp"

#include <array>
#include <stdexcept>
#include <vector>

#include "bus/parallel_bus.hpp"

namespace motorium {
namespace {

std::unique_ptr<JointBus> open_relay(const BusConfig& config, const BusAccess& access) {
  if (!access.relay)
    throw std::invalid_argument("a vendor's kit drives this bus: it is opened with its relay");
  if (access.relay->joints() != config.joints.size())
    throw std::invalid_argument("the relay serves another number of joints");
  if (access.relay->closed())
    throw std::logic_error("a bus that a vendor's kit serves is opened anew, not reconnected");
  return std::make_unique<RelayedBus>(access.relay);
}

template <std::unique_ptr<JointBus> (*Open)(const std::string&, const BusConfig&)>
std::unique_ptr<JointBus> open_port(const BusConfig& config, const BusAccess& access) {
  return Open(access.port, config);
}

template <class Link>
std::unique_ptr<ServoLink> open_link(const std::string& port, std::uint32_t baud, double reply_margin_s) {
  return std::make_unique<Link>(port, baud, reply_margin_s);
}

/// A new family is one line here.
constexpr std::array kFamilies{
    BusFamily{"feetech", check_feetech, open_port<open_feetech>, open_link<FeetechLink>, feetech_raw_writes},
    BusFamily{"dynamixel", check_dynamixel, open_port<open_dynamixel>, open_link<DynamixelLink>,
              dynamixel_raw_writes},
    BusFamily{"relay", check_bus, open_relay, nullptr, nullptr},
};

const BusFamily& family_of(const std::string& name, bool raw, const char* problem) {
  std::string known;
  for (const BusFamily& family : kFamilies) {
    if (raw && family.open_raw == nullptr) continue;
    if (name == family.name) return family;
    known.append(known.empty() ? "" : ", ").append(family.name);
  }
  throw std::invalid_argument(problem + (" '" + name) + "'; known: " + known);
}

}  // namespace

std::span<const BusFamily> bus_families() noexcept { return kFamilies; }

const BusFamily& bus_family(const std::string& name) { return family_of(name, false, "no bus family"); }

const BusFamily& raw_family(const std::string& name) {
  return family_of(name, true, "no raw access to servos of family");
}

void check_shutdown(const ShutdownSequence& sequence) {
  for (const ShutdownSequence::Packet& packet : sequence.packets) {
    if (packet.size == 0 || packet.size > packet.bytes.size())
      throw std::invalid_argument(
          "one packet cannot take the torque off so many servos: give them two buses");
  }
}

std::unique_ptr<JointBus> open_bus(const BusConfig& config, const BusAccess& access) {
  const BusFamily& family = bus_family(config.family);
  family.check(config);
  std::unique_ptr<JointBus> bus = family.open(config, access);
  check_shutdown(bus->shutdown_sequence());
  return bus;
}

std::unique_ptr<JointBus> open_buses(const RobotConfig& config, std::span<const BusAccess> access) {
  if (access.size() != config.buses.size())
    throw std::invalid_argument(config.name + " has " + std::to_string(config.buses.size()) +
                                " buses: give a port for each");
  std::vector<std::unique_ptr<JointBus>> opened;
  std::vector<std::uint32_t> joints;
  for (std::size_t i = 0; i < access.size(); ++i) {
    joints.push_back(static_cast<std::uint32_t>(config.buses[i].joints.size()));
    opened.push_back(open_bus(config.buses[i], access[i]));
  }
  if (opened.size() == 1) return std::move(opened.front());
  return std::make_unique<ParallelBus>(std::move(opened), joints);
}

}  // namespace motorium
