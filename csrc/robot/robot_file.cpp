#include "robot/robot_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "robot/record.hpp"
#include "robot/robot_records.hpp"

namespace motorium {
namespace {

using ByteView = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 8> kMagic{'M', 'T', 'R', 'O', 'B', 'O', 'T', 0};
constexpr std::size_t kHeader = 64, kEntry = 24, kAlign = 8;
constexpr std::size_t kVersionAt = 8, kSizeAt = 12, kSectionsAt = 16, kReservedAt = 20, kHashAt = 28,
                      kCrcAt = 60;
constexpr std::uint32_t kOptional = 1;
constexpr std::uint32_t kMaxSections = 64;

std::uint32_t number_of(const Kind& kind) noexcept {
  return static_cast<std::uint32_t>(get_number({reinterpret_cast<const std::uint8_t*>(kind.tag), 4}, 0, 4));
}

std::size_t aligned(std::size_t at) noexcept { return (at + kAlign - 1) / kAlign * kAlign; }

std::uint32_t crc_of(ByteView bytes) noexcept {
  return crc32(bytes.subspan(kHeader), crc32(bytes.first(kCrcAt)));
}

FileProblem check_header(ByteView bytes) noexcept {
  if (bytes.size() < kHeader) return FileProblem::too_short;
  if (!std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) return FileProblem::not_a_robot;
  const std::uint64_t version = get_number(bytes, kVersionAt, 4);
  if (version > kRobotFileVersion) return FileProblem::newer_version;
  if (get_number(bytes, kSizeAt, 4) != bytes.size() || bytes.size() > kMaxRobotFileBytes)
    return FileProblem::wrong_size;
  if (get_number(bytes, kCrcAt, 4) != crc_of(bytes)) return FileProblem::wrong_crc;
  const Sha256 hash = sha256(bytes.subspan(kHeader));
  if (!std::equal(hash.begin(), hash.end(), bytes.begin() + kHashAt)) return FileProblem::wrong_hash;
  if (version == 0) return FileProblem::bad_value;
  return get_number(bytes, kReservedAt, 8) == 0 ? FileProblem::none : FileProblem::bad_padding;
}

bool zeros(ByteView bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

FileProblem take_section(const Kind& kind, std::uint32_t today, const Section& section,
                         Section& known) noexcept {
  if (known.found) return FileProblem::repeated_section;
  if (section.record_size < kind.first_size || section.record_size > today)
    return FileProblem::bad_record_size;
  if (section.count < kind.min_count || section.count > kind.max_count) return FileProblem::bad_record_count;
  known = section;
  return FileProblem::none;
}

/// Reads entry `i` of the section table. `end`: end of the section before it on entry, of this one on return.
FileProblem read_entry(ByteView bytes, std::size_t i, std::size_t& end, Sections& sections) {
  const ByteView entry = bytes.subspan(kHeader + i * kEntry, kEntry);
  const auto number = [entry](std::size_t at) {
    return static_cast<std::uint32_t>(get_number(entry, at, 4));
  };
  const std::uint32_t tag = number(0), flags = number(4), offset = number(8);
  Section section{number(12), number(16), {}, true};
  if (number(20) != 0) return FileProblem::bad_padding;
  const std::uint64_t size = std::uint64_t{section.record_size} * section.count;
  if (flags > kOptional || offset != aligned(end) || offset > bytes.size() || size > bytes.size() - offset)
    return FileProblem::bad_section_table;
  if (!zeros(bytes.subspan(end, offset - end))) return FileProblem::bad_padding;
  section.bytes = bytes.subspan(offset, static_cast<std::size_t>(size));
  end = offset + static_cast<std::size_t>(size);
  for (std::size_t k = 0; k < kPlaces; ++k) {
    if (number_of(kKinds[k]) == tag) return take_section(kKinds[k], record_sizes()[k], section, sections[k]);
  }
  return flags == kOptional ? FileProblem::none : FileProblem::unknown_section;
}

FileProblem find_sections(ByteView bytes, Sections& sections) {
  const std::uint64_t count = get_number(bytes, kSectionsAt, 4);
  if (count > kMaxSections || kHeader + count * kEntry > bytes.size()) return FileProblem::bad_section_table;
  std::size_t end = kHeader + static_cast<std::size_t>(count) * kEntry;
  for (std::size_t i = 0; i < count; ++i) {
    const FileProblem problem = read_entry(bytes, i, end, sections);
    if (problem != FileProblem::none) return problem;
  }
  if (end != bytes.size()) return FileProblem::bad_section_table;
  const auto absent = [](const Section& section) { return !section.found; };
  return std::any_of(sections.begin(), sections.end(), absent) ? FileProblem::missing_section
                                                               : FileProblem::none;
}

FileProblem read_all(ByteView bytes, RobotConfig& config) {
  FileProblem problem = check_header(bytes);
  Sections sections{};
  if (problem == FileProblem::none) problem = find_sections(bytes, sections);
  return problem == FileProblem::none ? read_records(sections, config) : problem;
}

}  // namespace

namespace {

struct ProblemText {
  const char* name;
  const char* text;
};
constexpr std::array<ProblemText, static_cast<std::size_t>(kLastFileProblem) + 1> kProblems{{
    {"none", "nothing is wrong with it"},
    {"too_short", "too short for a compiled robot"},
    {"not_a_robot", "not a compiled robot"},
    {"newer_version", "compiled for a later version of motorium"},
    {"wrong_size", "cut off, lengthened, or longer than any compiled robot"},
    {"wrong_crc", "damaged: its CRC differs"},
    {"wrong_hash", "changed: its hash differs"},
    {"bad_section_table", "its section table is broken"},
    {"unknown_section", "a section that this version does not know"},
    {"repeated_section", "a section stands in it twice"},
    {"missing_section", "a section is missing"},
    {"bad_record_size", "records of a size that no version writes"},
    {"bad_record_count", "more or fewer records than it says"},
    {"bad_padding", "bytes without a meaning are not zero"},
    {"bad_text", "a text is broken"},
    {"bad_value", "a value is none that its field can have"},
    {"contradiction", "it contradicts itself"},
}};

}  // namespace

const char* name_of(FileProblem problem) noexcept {
  return kProblems[static_cast<std::size_t>(problem)].name;
}

const char* describe(FileProblem problem) noexcept {
  return kProblems[static_cast<std::size_t>(problem)].text;
}

RobotReading read_robot(std::span<const std::uint8_t> bytes) {
  RobotReading reading;
  reading.problem = read_all(bytes, reading.config);
  try {
    if (reading.problem == FileProblem::none) check(reading.config);
  } catch (const std::invalid_argument& error) {
    reading.problem = FileProblem::contradiction;
    reading.detail = error.what();
  }
  if (reading.problem != FileProblem::none) reading.config = {};
  return reading;
}

std::vector<std::uint8_t> write_robot(const RobotConfig& config) {
  check(config);
  const Payloads bytes = write_records(config);
  std::vector<std::uint8_t> file(kHeader + kPlaces * kEntry);
  set_number(file, kSectionsAt, 4, kPlaces);
  for (std::size_t i = 0; i < kPlaces; ++i) {
    file.resize(aligned(file.size()));
    const std::size_t count = bytes[i].size() / record_sizes()[i], entry = kHeader + i * kEntry;
    if (count < kKinds[i].min_count || count > kKinds[i].max_count)
      throw std::invalid_argument(std::to_string(count) + " records in section " + kKinds[i].tag +
                                  ": at most " + std::to_string(kKinds[i].max_count));
    set_number(file, entry, 4, number_of(kKinds[i]));
    set_number(file, entry + 8, 4, file.size());
    set_number(file, entry + 12, 4, record_sizes()[i]);
    set_number(file, entry + 16, 4, count);
    file.insert(file.end(), bytes[i].begin(), bytes[i].end());
  }
  if (file.size() > kMaxRobotFileBytes) throw std::invalid_argument("a compiled robot has 1 MiB at most");
  seal_robot(file);
  return file;
}

Sha256 content_hash(const RobotConfig& config) {
  return sha256(ByteView(write_robot(config)).subspan(kHeader));
}

void seal_robot(std::span<std::uint8_t> bytes) noexcept {
  if (bytes.size() < kHeader) return;
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  set_number(bytes, kVersionAt, 4, kRobotFileVersion);
  set_number(bytes, kSizeAt, 4, bytes.size());
  set_number(bytes, kReservedAt, 8, 0);
  const Sha256 hash = sha256(bytes.subspan(kHeader));
  std::copy(hash.begin(), hash.end(), bytes.begin() + kHashAt);
  set_number(bytes, kCrcAt, 4, crc_of(bytes));
}

}  // namespace motorium
