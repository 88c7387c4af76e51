#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/waiting.hpp"
#include "robot/bus_family.hpp"
#include "robot/robot.hpp"

namespace motorium {

/// A robot whose waits run Python's signal handlers.
class BoundRobot : public Robot {
 public:
  BoundRobot(const RobotConfig& config, OpenBus open) : Robot(config, std::move(open), python_interrupt) {}
  /// Releases the GIL: a park takes seconds, and other Python threads (such as a simulated arm) must run
  /// meanwhile.
  ~BoundRobot() {
    const pybind11::gil_scoped_release release;
    stop();
  }
  BoundRobot(const BoundRobot&) = delete;
  BoundRobot& operator=(const BoundRobot&) = delete;
};

/// Opens the robot's buses, each in its own way.
inline std::unique_ptr<BoundRobot> open_robot(const RobotConfig& config, std::vector<BusAccess> access) {
  const pybind11::gil_scoped_release release;
  return std::make_unique<BoundRobot>(
      config, [config, access = std::move(access)] { return open_buses(config, access); });
}

inline std::unique_ptr<BoundRobot> open_on_ports(const RobotConfig& config,
                                                 const std::vector<std::string>& ports) {
  std::vector<BusAccess> access;
  for (const std::string& port : ports) access.push_back({port, nullptr});
  return open_robot(config, std::move(access));
}

inline std::unique_ptr<BoundRobot> open_on_relay(const RobotConfig& config,
                                                 const std::shared_ptr<Relay>& relay) {
  return open_robot(config, {{"", relay}});
}

}  // namespace motorium
