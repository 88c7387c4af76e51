#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "bus/joint_bus.hpp"
#include "robot/robot_config.hpp"
#include "robot/robot_file.hpp"

namespace motorium {

/// `first_size`: size of a version 1 record, the most that a reader may require.
struct Kind {
  char tag[5];
  std::uint32_t first_size;
  std::uint32_t min_count, max_count;
};
/// Sections in writing order.
enum Place : std::size_t {
  kRobot,
  kJoints,
  kBuses,
  kServos,
  kSettings,
  kTraits,
  kLatencies,
  kCameras,
  kText,
  kPlaces
};
inline constexpr std::array<Kind, kPlaces> kKinds{{{"ROBT", 135, 1, 1},
                                                   {"JNTS", 177, 1, kMaxJoints},
                                                   {"BUSS", 41, 1, kMaxJoints},
                                                   {"SRVO", 34, 1, kMaxJoints},
                                                   {"SETT", 47, 0, 4096},
                                                   {"TRAT", 8, 0, 1024},
                                                   {"LATY", 16, 0, 1024},
                                                   {"CAMS", 28, 0, 64},
                                                   {"TEXT", 1, 0, kMaxRobotFileBytes}}};

/// One section in a file.
struct Section {
  std::uint32_t record_size = 0, count = 0;
  std::span<const std::uint8_t> bytes;
  bool found = false;

  std::span<const std::uint8_t> record(std::size_t i) const noexcept {
    return bytes.subspan(i * record_size, record_size);
  }
};
using Sections = std::array<Section, kPlaces>;

using Payloads = std::array<std::vector<std::uint8_t>, kPlaces>;

/// Writes the records of every section in this version.
Payloads write_records(const RobotConfig& config);

/// Returns the sizes of this version's records.
const std::array<std::uint32_t, kPlaces>& record_sizes();

/// Reads the records of `sections` until a problem occurs.
FileProblem read_records(const Sections& sections, RobotConfig& config);

}  // namespace motorium
