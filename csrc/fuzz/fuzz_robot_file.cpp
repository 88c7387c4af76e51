// An untrusted file of a compiled robot: must be refused, or give a configuration that is written back as it
// was read. Every other file gets a valid header, CRC and hash included, so that its content is read too.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "robot/robot_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace motorium;
  std::vector<std::uint8_t> bytes(data, data + size);
  if (crc32(bytes) % 2 == 1) seal_robot(bytes);
  const RobotReading first = read_robot(bytes);
  if (first.problem != FileProblem::none) return 0;
  const std::vector<std::uint8_t> written = write_robot(first.config);
  const RobotReading second = read_robot(written);
  if (second.problem != FileProblem::none || write_robot(second.config) != written) std::abort();
  for (std::size_t j = 0; j < second.config.joints.size(); ++j) {
    if (servo_of(second.config, j).id > 252) std::abort();
  }
  return 0;
}
