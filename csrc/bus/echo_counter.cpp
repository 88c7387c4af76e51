#include "bus/echo_counter.hpp"

#include <algorithm>

namespace motorium {

void EchoCounter::expect(std::span<const std::uint8_t> request) noexcept {
  size_ = request.size() <= kLongest ? request.size() : 0;
  matched_ = 0;
  std::copy_n(request.begin(), size_, request_.begin());
  std::size_t length = 0;
  if (size_ > 0) shorter_[0] = 0;
  for (std::size_t i = 1; i < size_; ++i) {
    while (length > 0 && request_[i] != request_[length]) length = shorter_[length - 1];
    if (request_[i] == request_[length]) ++length;
    shorter_[i] = static_cast<std::uint16_t>(length);
  }
}

std::size_t EchoCounter::in(std::span<const std::uint8_t> bytes) noexcept {
  std::size_t echoed = 0;
  for (const std::uint8_t byte : size_ > 0 ? bytes : std::span<const std::uint8_t>{}) {
    while (matched_ > 0 && byte != request_[matched_]) matched_ = shorter_[matched_ - 1];
    if (byte == request_[matched_]) ++matched_;
    if (matched_ < size_) continue;
    matched_ = 0;
    echoed += size_;
  }
  return echoed;
}

}  // namespace motorium
