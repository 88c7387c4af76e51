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
///   0    header, 64 bytes: magic "MTROBOT\0", version u32, file size u32, number of sections u32,
///        8 zero bytes, SHA-256 of everything after the header, CRC-32 of everything but itself
///   64   section table, 24 bytes each: tag, flags u32, offset u32, record size u32, record count u32,
///        4 zero bytes
///   ...  sections in order, each at a multiple of 8 with zeros in between; a section is an array of
///        records
///
/// Records grow at their end: a later version appends fields, and its reader uses their defaults where a
/// record of an earlier version lacks them. `version` is the lowest that a reader must know; what readers may
/// ignore comes in a section of its own that is marked optional. Each text is stored once in section TEXT,
/// and records refer to it by number.
inline constexpr std::uint32_t kRobotFileVersion = 1;
inline constexpr std::size_t kMaxRobotFileBytes = std::size_t{1} << 20;

/// Every way in which a robot's file can be wrong.
enum class FileProblem : std::uint8_t {
  none,
  too_short,          ///< Too short for a header.
  not_a_robot,        ///< Wrong magic.
  newer_version,      ///< Written for a later version of motorium.
  wrong_size,         ///< Cut off, too long for its header, or larger than any robot.
  wrong_crc,          ///< Damaged.
  wrong_hash,         ///< Changed by somebody who also adjusted the CRC.
  bad_section_table,  ///< Too many sections, or they overlap, leave gaps or lie outside.
  unknown_section,    ///< Unknown to this version and not marked optional.
  repeated_section,
  missing_section,
  bad_record_size,   ///< Shorter than the first version's, or longer than this one's.
  bad_record_count,  ///< More than a robot can have, or not what another section says.
  bad_padding,       ///< Unused bytes are not zero.
  bad_text,          ///< Text that is not UTF-8 or too long, or a number without a text.
  bad_value,         ///< Not a number, a bool or a member of an enumeration as required.
  contradiction      ///< Readable, but `check` refuses it.
};
inline constexpr FileProblem kLastFileProblem = FileProblem::contradiction;

/// Returns the enumerator's name, such as "wrong_crc".
const char* name_of(FileProblem problem) noexcept;
/// Describes the problem in a few words, to end "arm.robot: ...".
const char* describe(FileProblem problem) noexcept;

/// `config` is complete and checked when `problem` is none, otherwise empty; `detail` says what `check` found
/// contradictory.
struct RobotReading {
  FileProblem problem = FileProblem::none;
  std::string detail;
  RobotConfig config;
};

/// Reads a robot's file from an untrusted source. Throws only std::bad_alloc.
RobotReading read_robot(std::span<const std::uint8_t> bytes);

/// Writes `config` as a file that reads back the same. Throws std::invalid_argument as `check`, or when a
/// text or a list is longer than the file can hold.
std::vector<std::uint8_t> write_robot(const RobotConfig& config);

/// Returns the SHA-256 of `config` as written: two configurations are the same when their hashes are.
Sha256 content_hash(const RobotConfig& config);

/// Rewrites the header except for the number of sections: magic, version, size, hash, CRC. For tests of what
/// follows it.
void seal_robot(std::span<std::uint8_t> bytes) noexcept;

}  // namespace motorium
