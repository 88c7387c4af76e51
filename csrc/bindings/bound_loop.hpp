#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "robot/bus_family.hpp"
#include "runtime/control_loop.hpp"
#include "runtime/telemetry.hpp"

namespace motorium {

/// A loop and the place up to which its telemetry has been handed out.
struct BoundLoop {
  using Open = std::function<std::unique_ptr<JointBus>()>;
  BoundLoop(const ControlConfig& config, Open how) : BoundLoop(config, how(), how) {}
  BoundLoop(const ControlConfig& config, std::unique_ptr<JointBus> bus, Open how)
      : open(std::move(how)), latency(bus->latency()), loop(config, std::move(bus)) {}
  /// The park takes seconds: other Python threads (a simulated arm, for one) must be able to run meanwhile.
  ~BoundLoop() {
    const pybind11::gil_scoped_release release;
    loop.stop();
  }
  BoundLoop(const BoundLoop&) = delete;
  BoundLoop& operator=(const BoundLoop&) = delete;
  Open open;  ///< The bus, as it was opened the first time.
  LatencyReport latency;
  ControlLoop loop;
  TelemetryReader telemetry;
};

/// On the robot's buses, each reached in its own way.
inline std::unique_ptr<BoundLoop> open_loop(const RobotConfig& config, std::vector<BusAccess> access) {
  const pybind11::gil_scoped_release release;
  return std::make_unique<BoundLoop>(
      config.control, [config, access = std::move(access)] { return open_buses(config, access); });
}

inline std::unique_ptr<BoundLoop> open_on_ports(const RobotConfig& config,
                                                const std::vector<std::string>& ports) {
  std::vector<BusAccess> access;
  for (const std::string& port : ports) access.push_back({port, nullptr});
  return open_loop(config, std::move(access));
}

inline std::unique_ptr<BoundLoop> open_on_relay(const RobotConfig& config,
                                                const std::shared_ptr<Relay>& relay) {
  return open_loop(config, {{"", relay}});
}

}  // namespace motorium
