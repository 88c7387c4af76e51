#include "runtime/key_scanner.hpp"

#include <algorithm>

namespace motorium {

void KeyScanner::watch(std::span<const std::uint8_t> stop_keys) noexcept {
  count_ = std::min(stop_keys.size(), kMaxKeys);
  std::copy_n(stop_keys.begin(), count_, keys_.begin());
  forget();
}

bool KeyScanner::stops(std::uint8_t byte) const noexcept {
  return std::find(keys_.begin(), keys_.begin() + count_, byte) != keys_.begin() + count_;
}

bool KeyScanner::belongs(std::uint8_t byte) noexcept {
  const Within before = within_;
  within_ = Within::nothing;
  if (before == Within::nothing || byte < 0x20 || byte > 0x7e) return false;
  if (before == Within::escape && opens(byte)) {
    within_ = byte == '[' ? Within::intro : Within::single;
  } else if (before == Within::intro && byte == '[') {
    within_ = Within::single;
  } else if (before != Within::escape && byte < 0x40) {  // parameters: digits, semicolons
    within_ = before == Within::single ? Within::single : Within::parameters;
  }
  return true;
}

}  // namespace motorium
