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
#include <stdexcept>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define MOTORIUM_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOTORIUM_POISONS 1
#endif
#endif
#if defined(MOTORIUM_POISONS)
#include <sanitizer/asan_interface.h>
#endif

namespace motorium {

/// Holds all memory of an engine, allocated at load and freed as a whole. Zeroed, aligned to cache lines;
/// large blocks ask for huge pages, because a network streams through all of its weights at every step.
class Arena {
 public:
  /// Limits the memory taken from now on to `more` bytes: sizes come from an untrusted file.
  void allow(std::size_t more) noexcept { allowed_ = bytes_ + std::min(more, kMaxBytes); }

  /// Returns `count` zeros. Throws std::bad_alloc, or std::invalid_argument beyond the limit.
  float* floats(std::size_t count) { return static_cast<float*>(take(4 * checked(count))); }
  std::uint32_t* indices(std::size_t count) { return static_cast<std::uint32_t*>(take(4 * checked(count))); }

  std::byte* raw(std::size_t count) { return static_cast<std::byte*>(take(count)); }

  /// Makes an object that lives as long as the arena.
  template <typename T, typename... Arguments>
  T& make(Arguments&&... arguments) {
    const auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    kept_.push_back(made);
    return *made;
  }

  /// Returns the bytes taken from the system so far.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kAlign = 64;
#if defined(MOTORIUM_POISONS)
  static constexpr std::size_t kBlock = std::size_t{1} << 12;
#else
  static constexpr std::size_t kBlock = std::size_t{1} << 18;
#endif
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 46;
  struct Free {
    std::align_val_t align;
    void operator()(std::byte* block) const noexcept { ::operator delete(block, align); }
  };

  static std::size_t checked(std::size_t count) {
    if (count > kMaxBytes) refuse();
    return count;
  }

  [[noreturn]] static void refuse() {
    throw std::invalid_argument("these sizes ask for far more memory than the weights have");
  }

  void* take(std::size_t wanted) {
    checked(wanted);
    const std::size_t bytes = (wanted + kAlign - 1) / kAlign * kAlign + kGuard;
    if (bytes > left_) grow(std::max(bytes, kBlock));
    std::byte* result = next_;
    next_ += bytes;
    left_ -= bytes;
    guard(result + wanted, bytes - wanted);
    return result;
  }

  /// Under AddressSanitizer every piece ends where requested: a shared block would hide overruns from one
  /// into the next.
#if defined(MOTORIUM_POISONS)
  static constexpr std::size_t kGuard = 4 * kAlign;
  static void guard(std::byte* end, std::size_t bytes) noexcept { ASAN_POISON_MEMORY_REGION(end, bytes); }
#else
  static constexpr std::size_t kGuard = 0;
  static void guard(std::byte*, std::size_t) noexcept {}
#endif

  void grow(std::size_t bytes) {
    // A network fills block after block: larger blocks leave fewer gaps.
    if (bytes > allowed_ - std::min(allowed_, bytes_)) refuse();
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
  std::size_t allowed_ = kMaxBytes;
  std::vector<std::shared_ptr<void>> kept_;
};

}  // namespace motorium
