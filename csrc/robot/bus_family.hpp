#pragma once

#include <memory>
#include <span>
#include <string>

#include "bus/bus_config.hpp"
#include "bus/dynamixel_bus.hpp"
#include "bus/feetech_bus.hpp"
#include "bus/joint_bus.hpp"
#include "bus/relayed_bus.hpp"
#include "io/bus_error.hpp"
#include "robot/robot_config.hpp"

namespace motorium {

/// How to reach a bus.
struct BusAccess {
  std::string port;  ///< Serial port, for families with a driver of their own.
  /// Family "relay": another thread serves the servos, for example with a vendor's kit.
  std::shared_ptr<Relay> relay;
};

/// How to drive servos of one kind. `check` throws std::invalid_argument before a port is touched; `open`
/// also throws BusError: port absent, busy or denied, servos missing or of another model, a setting that a
/// servo refused.
struct BusFamily {
  const char* name;
  void (*check)(const BusConfig& config);
  std::unique_ptr<JointBus> (*open)(const BusConfig& config, const BusAccess& access);
};

std::span<const BusFamily> bus_families() noexcept;

/// Returns the family of that name. Throws std::invalid_argument that lists the known ones.
const BusFamily& bus_family(const std::string& name);

/// Opens one bus. Throws as its family does.
std::unique_ptr<JointBus> open_bus(const BusConfig& config, const BusAccess& access);

/// Opens all buses of a robot; several become one that drives them at the same time. Throws as their families
/// do, and std::invalid_argument unless `access` has one entry per bus.
std::unique_ptr<JointBus> open_buses(const RobotConfig& config, std::span<const BusAccess> access);

}  // namespace motorium
