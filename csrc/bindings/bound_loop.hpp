#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "bus/dynamixel_bus.hpp"
#include "bus/feetech_bus.hpp"
#include "bus/parallel_bus.hpp"
#include "bus/relayed_bus.hpp"
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

inline std::unique_ptr<BoundLoop> open_on_feetech(const ControlConfig& config, const std::string& port,
                                                  const FeetechBusConfig& bus) {
  const pybind11::gil_scoped_release release;
  return std::make_unique<BoundLoop>(config, [port, bus] { return open_feetech(port, bus); });
}

inline std::unique_ptr<BoundLoop> open_on_dynamixel(const ControlConfig& config, const std::string& port,
                                                    const DynamixelBusConfig& bus) {
  const pybind11::gil_scoped_release release;
  return std::make_unique<BoundLoop>(config, [port, bus] { return open_dynamixel(port, bus); });
}

using AnyBusConfig = std::variant<FeetechBusConfig, DynamixelBusConfig>;

inline std::unique_ptr<JointBus> open_parallel(const std::vector<std::string>& ports,
                                               const std::vector<AnyBusConfig>& buses) {
  std::vector<std::unique_ptr<JointBus>> opened;
  std::vector<std::uint32_t> joints;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (const auto* feetech = std::get_if<FeetechBusConfig>(&buses[i])) {
      joints.push_back(static_cast<std::uint32_t>(feetech->ids.size()));
      opened.push_back(open_feetech(ports[i], *feetech));
    } else {
      const auto& dynamixel = std::get<DynamixelBusConfig>(buses[i]);
      joints.push_back(static_cast<std::uint32_t>(dynamixel.joints.size()));
      opened.push_back(open_dynamixel(ports[i], dynamixel));
    }
  }
  return std::make_unique<ParallelBus>(std::move(opened), joints);
}

inline std::unique_ptr<BoundLoop> open_on_several(const ControlConfig& config,
                                                  const std::vector<std::string>& ports,
                                                  const std::vector<AnyBusConfig>& buses) {
  const pybind11::gil_scoped_release release;
  if (ports.size() != buses.size()) throw std::invalid_argument("one port per bus");
  return std::make_unique<BoundLoop>(config, [ports, buses] { return open_parallel(ports, buses); });
}

inline std::unique_ptr<BoundLoop> open_on_relay(const ControlConfig& config,
                                                const std::shared_ptr<Relay>& relay) {
  return std::make_unique<BoundLoop>(config, [relay]() -> std::unique_ptr<JointBus> {
    if (relay->closed())
      throw std::logic_error("a bus that a vendor's kit serves is opened anew, not reconnected");
    return std::make_unique<RelayedBus>(relay);
  });
}

}  // namespace motorium
