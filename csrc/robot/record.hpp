#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "robot/robot_file.hpp"

namespace motorium {

inline constexpr std::size_t kMaxTextBytes = 1000;
inline constexpr std::size_t kMaxTexts = 8192;

/// The unsigned integer of the size of T.
template <class T>
using BitsOf =
    std::conditional_t<sizeof(T) == 8, std::uint64_t,
                       std::conditional_t<sizeof(T) == 4, std::uint32_t,
                                          std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;

/// Collects texts as stored in the file: u16 length and UTF-8, one after the other.
class TextWriter {
 public:
  /// Throws std::invalid_argument when a text is too long or not UTF-8.
  std::uint32_t number_of(const std::string& text);
  const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }

 private:
  std::map<std::string, std::uint32_t> numbers_;
  std::vector<std::uint8_t> bytes_;
};

class TextReader {
 public:
  FileProblem read(std::span<const std::uint8_t> bytes);
  const std::string* at(std::uint32_t number) const noexcept;

 private:
  std::vector<std::string> texts_;
};

/// Appends the fields of records, little-endian. A RecordReader reads them back, called with the same list of
/// fields.
class RecordWriter {
 public:
  explicit RecordWriter(TextWriter& texts) noexcept : texts_(texts) {}

  template <class T>
    requires std::is_arithmetic_v<T>
  void operator()(const T& value) {
    put(std::bit_cast<BitsOf<T>>(value), sizeof(T));
  }
  void operator()(const std::string& text) { put(texts_.number_of(text), 4); }
  template <class E>
    requires std::is_enum_v<E>
  void operator()(const E& value, E) {
    put(static_cast<std::uint8_t>(value), 1);
  }
  /// Writes one bit of a set as a flag of its own.
  void bit(std::uint32_t bits, std::size_t place) { put(bits >> place & 1U, 1); }

  const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }

 private:
  void put(std::uint64_t value, std::size_t size);

  TextWriter& texts_;
  std::vector<std::uint8_t> bytes_;
};

/// Reads the fields of one record. Fields beyond its end, from a later version than the file's, keep their
/// defaults.
class RecordReader {
 public:
  RecordReader(std::span<const std::uint8_t> record, const TextReader& texts) noexcept
      : rest_(record), texts_(texts) {}

  template <class T>
    requires std::is_arithmetic_v<T>
  void operator()(T& value) noexcept {
    std::uint64_t raw = 0;
    if (!take(sizeof(T), raw)) return;
    if (std::is_same_v<T, bool> && raw > 1) return fail(FileProblem::bad_value);
    value = std::bit_cast<T>(static_cast<BitsOf<T>>(raw));
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) fail(FileProblem::bad_value);
    }
  }
  void operator()(std::string& text);
  template <class E>
    requires std::is_enum_v<E>
  void operator()(E& value, E last) noexcept {
    std::uint64_t raw = 0;
    if (!take(1, raw)) return;
    if (raw > static_cast<std::uint64_t>(last)) return fail(FileProblem::bad_value);
    value = static_cast<E>(raw);
  }
  void bit(std::uint32_t& bits, std::size_t place) noexcept;

  FileProblem problem() const noexcept { return problem_; }

 private:
  bool take(std::size_t size, std::uint64_t& value) noexcept;
  void fail(FileProblem problem) noexcept {
    if (problem_ == FileProblem::none) problem_ = problem;
  }

  std::span<const std::uint8_t> rest_;
  const TextReader& texts_;
  FileProblem problem_ = FileProblem::none;
};

/// Returns the little-endian number of `size` bytes at `at`.
std::uint64_t get_number(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t size) noexcept;
void set_number(std::span<std::uint8_t> bytes, std::size_t at, std::size_t size,
                std::uint64_t value) noexcept;

}  // namespace motorium
