#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace motorium {

/// All memory of an engine, taken at load and given back as a whole. Zeroed, aligned to cache lines.
class Arena {
 public:
  /// `count` zeros. Throws std::bad_alloc.
  float* floats(std::size_t count) { return static_cast<float*>(take(count * sizeof(float))); }
  std::uint32_t* indices(std::size_t count) {
    return static_cast<std::uint32_t*>(take(count * sizeof(std::uint32_t)));
  }

  /// Bytes taken from the system so far.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kAlign = 64;
  static constexpr std::size_t kBlock = std::size_t{1} << 18;
  struct Free {
    void operator()(std::byte* block) const noexcept { ::operator delete(block, std::align_val_t{kAlign}); }
  };

  void* take(std::size_t bytes) {
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    if (bytes > left_) grow(std::max(bytes, kBlock));
    std::byte* result = next_;
    next_ += bytes;
    left_ -= bytes;
    return result;
  }

  void grow(std::size_t bytes) {
    next_ = static_cast<std::byte*>(::operator new(bytes, std::align_val_t{kAlign}));
    blocks_.emplace_back(next_);
    std::memset(next_, 0, bytes);
    left_ = bytes;
    bytes_ += bytes;
  }

  std::vector<std::unique_ptr<std::byte, Free>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace motorium
