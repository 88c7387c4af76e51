#include "robot/record.hpp"

#include <stdexcept>

namespace motorium {
namespace {

/// Returns the length of the UTF-8 character at the start of `text`; 0: invalid (RFC 3629: no surrogates, no
/// overlong forms).
std::size_t character(std::span<const std::uint8_t> text) noexcept {
  const std::uint8_t lead = text[0];
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  const std::size_t size = lead >= 0xC2 && lead < 0xE0   ? 2
                           : (lead >> 4) == 0xE          ? 3
                           : lead >= 0xF0 && lead < 0xF5 ? 4
                                                         : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((text[i] & 0xC0) != 0x80) return 0;
  }
  const std::uint8_t second = text[1];
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : size;
}

bool is_text(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() > kMaxTextBytes) return false;
  while (!bytes.empty()) {
    const std::size_t size = character(bytes);
    if (size == 0) return false;
    bytes = bytes.subspan(size);
  }
  return true;
}

}  // namespace

std::uint64_t get_number(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t size) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

void set_number(std::span<std::uint8_t> bytes, std::size_t at, std::size_t size,
                std::uint64_t value) noexcept {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
}

std::uint32_t TextWriter::number_of(const std::string& text) {
  const auto [place, is_new] = numbers_.try_emplace(text, static_cast<std::uint32_t>(numbers_.size()));
  if (!is_new) return place->second;
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  if (!is_text(bytes) || numbers_.size() > kMaxTexts)
    throw std::invalid_argument("a robot's texts are UTF-8 of " + std::to_string(kMaxTextBytes) +
                                " bytes at most: '" + text.substr(0, 40) + "'");
  bytes_.push_back(static_cast<std::uint8_t>(text.size()));
  bytes_.push_back(static_cast<std::uint8_t>(text.size() >> 8));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return place->second;
}

FileProblem TextReader::read(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (bytes.size() < 2 || texts_.size() == kMaxTexts) return FileProblem::bad_text;
    const auto size = static_cast<std::size_t>(get_number(bytes, 0, 2));
    if (bytes.size() - 2 < size || !is_text(bytes.subspan(2, size))) return FileProblem::bad_text;
    texts_.emplace_back(reinterpret_cast<const char*>(bytes.data()) + 2, size);
    bytes = bytes.subspan(2 + size);
  }
  return FileProblem::none;
}

const std::string* TextReader::at(std::uint32_t number) const noexcept {
  return number < texts_.size() ? &texts_[number] : nullptr;
}

void RecordWriter::put(std::uint64_t value, std::size_t size) {
  bytes_.resize(bytes_.size() + size);
  set_number(bytes_, bytes_.size() - size, size, value);
}

bool RecordReader::take(std::size_t size, std::uint64_t& value) noexcept {
  if (rest_.empty()) return false;
  if (rest_.size() < size) {
    rest_ = {};
    fail(FileProblem::bad_record_size);
    return false;
  }
  value = get_number(rest_, 0, size);
  rest_ = rest_.subspan(size);
  return true;
}

void RecordReader::operator()(std::string& text) {
  std::uint64_t number = 0;
  if (!take(4, number)) return;
  const std::string* found = texts_.at(static_cast<std::uint32_t>(number));
  if (found == nullptr) return fail(FileProblem::bad_text);
  text = *found;
}

void RecordReader::bit(std::uint32_t& bits, std::size_t place) noexcept {
  std::uint64_t raw = 0;
  if (!take(1, raw)) return;
  if (raw > 1) return fail(FileProblem::bad_value);
  bits = (bits & ~(1U << place)) | static_cast<std::uint32_t>(raw) << place;
}

}  // namespace motorium
