#pragma once

#include <memory>
#include <span>
#include <string>

#include "bus/bus_config.hpp"
#include "bus/dynamixel_bus.hpp"
#include "bus/feetech_bus.hpp"
#include "bus/joint_bus.hpp"
#include "bus/relayed_bus.hpp"
#include "bus/servo_link.hpp"
#include "bus/setting_rules.hpp"
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
/// servo refused. `open_raw` gives set-up and diagnosis access to single registers, `raw_writes` says which
/// of them they may write; both are null for a family without a port of its own. `open_raw` throws BusError
/// like SerialPort.
struct BusFamily {
  const char* name;
  void (*check)(const BusConfig& config);
  std::unique_ptr<JointBus> (*open)(const BusConfig& config, const BusAccess& access);
  std::unique_ptr<ServoLink> (*open_raw)(const std::string& port, std::uint32_t baud, double reply_margin_s);
  RawWrites (*raw_writes)();
};

std::span<const BusFamily> bus_families() noexcept;

/// Returns the family of that name. Throws std::invalid_argument that lists the known ones.
const BusFamily& bus_family(const std::string& name);

/// Returns the family of that name, which must have `open_raw`. Throws likewise.
const BusFamily& raw_family(const std::string& name);

/// Throws std::invalid_argument if a packet of the sequence could not be framed: the supervisor that sends it
/// has nobody left to tell.
void check_shutdown(const ShutdownSequence& sequence);

/// Opens one bus. Throws as its family and `check_shutdown` do.
std::unique_ptr<JointBus> open_bus(const BusConfig& config, const BusAccess& access);

/// Opens all buses of a robot; several become one that drives them at the same time. Throws as their families
/// do, and std::invalid_argument unless `access` has one entry per bus.
std::unique_ptr<JointBus> open_buses(const RobotConfig& config, std::span<const BusAccess> access);

}  // namespace motorium
