#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace motorium {

/// All memory of an engine, taken at load and given back as a whole. Zeroed, aligned to cache lines; large
/// blocks ask for huge pages, because a network streams through all of its weights at every step.
class Arena {
 public:
  /// `count` zeros. Throws std::bad_alloc.
  float* floats(std::size_t count) { return static_cast<float*>(take(count * sizeof(float))); }
  std::uint32_t* indices(std::size_t count) {
    return static_cast<std::uint32_t*>(take(count * sizeof(std::uint32_t)));
  }

  std::byte* raw(std::size_t count) { return static_cast<std::byte*>(take(count)); }

  /// An object that lives as long as the arena.
  template <typename T, typename... Arguments>
  T& make(Arguments&&... arguments) {
    const auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    kept_.push_back(made);
    return *made;
  }

  /// Bytes taken from the system so far.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kAlign = 64;
  static constexpr std::size_t kBlock = std::size_t{1} << 18;
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;
  struct Free {
    std::align_val_t align;
    void operator()(std::byte* block) const noexcept { ::operator delete(block, align); }
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
    // A network of some size fills block after block: larger ones leave fewer seams.
    if (bytes_ >= kHugePage) bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    const std::align_val_t align{bytes >= kHugePage ? kHugePage : kAlign};
    next_ = static_cast<std::byte*>(::operator new(bytes, align));
    blocks_.emplace_back(next_, Free{align});
#if defined(__linux__)
    if (bytes >= kHugePage) madvise(next_, bytes, MADV_HUGEPAGE);
#endif
    std::memset(next_, 0, bytes);
    left_ = bytes;
    bytes_ += bytes;
  }

  std::vector<std::unique_ptr<std::byte, Free>> blocks_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::shared_ptr<void>> kept_;
};

}  // namespace motorium
