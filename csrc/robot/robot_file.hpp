#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "robot/digest.hpp"
#include "robot/robot_config.hpp"

namespace motorium {

/// A robot's configuration as one flat file, little-endian, the same bytes for Python, C and
/// microcontrollers:
///
///   0    header, 64 bytes: magic "MTROBOT\0", version u32, size of the file u32, number of sections u32, 8
///   bytes 0,
///        SHA-256 of everything behind the header, CRC-32 of everything but itself
///   64   section table, 24 bytes each: tag, flags u32, offset u32, record size u32, record count u32, 4
///   bytes 0
///   ...  sections one after the other, each at a multiple of 8, zeros in between; a section is an array of
///   records
///
/// Records grow at their end: a later version appends fields, and its reader gives those that a record of an
/// earlier version lacks their defaults. `version` is the least that a reader must know; what may be ignored
/// comes in a section of its own that is marked optional. Texts stand once each in section TEXT, and records
/// name them by number.
inline constexpr std::uint32_t kRobotFileVersion = 1;
inline constexpr std::size_t kMaxRobotFileBytes = std::size_t{1} << 20;

/// Every way in which the bytes of a robot's file can be wrong.
enum class FileProblem : std::uint8_t {
  none,
  too_short,          ///< No header fits.
  not_a_robot,        ///< Another magic.
  newer_version,      ///< Written for a later version of motorium.
  wrong_size,         ///< Cut off, lengthened, or longer than any robot.
  wrong_crc,          ///< Damaged.
  wrong_hash,         ///< Changed by somebody who mended the CRC.
  bad_section_table,  ///< Too many sections, or they overlap, leave gaps, or lie outside.
  unknown_section,    ///< Not of this version and not marked optional.
  repeated_section,
  missing_section,
  bad_record_size,   ///< Shorter than the first version's, or longer than this one's.
  bad_record_count,  ///< More than a robot can have, or other than another section says.
  bad_padding,       ///< Bytes that mean nothing are not zero.
  bad_text,          ///< Text that is no UTF-8, is too long, or a number of none.
  bad_value,         ///< No number, neither true nor false, or no choice of an enumeration.
  contradiction      ///< Read well, but `check` refuses it.
};
inline constexpr FileProblem kLastFileProblem = FileProblem::contradiction;

/// As in this enumeration: "wrong_crc".
const char* name_of(FileProblem problem) noexcept;
/// In a few words, as the end of "arm.robot: ...".
const char* describe(FileProblem problem) noexcept;

/// `config` is complete and checked where `problem` is none, otherwise empty; `detail` is what `check` says
/// of a contradiction.
struct RobotReading {
  FileProblem problem = FileProblem::none;
  std::string detail;
  RobotConfig config;
};

/// Reads the bytes of a robot's file, whoever made them. Throws std::bad_alloc alone.
RobotReading read_robot(std::span<const std::uint8_t> bytes);

/// The bytes of `config`; reading them gives it back. Throws std::invalid_argument as `check`, or where a
/// text or a list is longer than the file can hold.
std::vector<std::uint8_t> write_robot(const RobotConfig& config);

/// SHA-256 of what `config` is written as: two configurations are the same where their hashes are.
Sha256 content_hash(const RobotConfig& config);

/// Makes the header anew, but for the number of sections: magic, version, size, hash, CRC. For tests of what
/// lies behind it.
void seal_robot(std::span<std::uint8_t> bytes) noexcept;

}  // namespace motorium
