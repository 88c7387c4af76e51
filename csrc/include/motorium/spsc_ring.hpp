#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace motorium {

/// Destructive interference size of the cores we run on (x86-64 prefetches pairs of lines; Cortex-A78AE has
/// 64).
inline constexpr std::size_t kCacheLine = 128;

/// Wait-free queue between exactly one producer thread and one consumer thread.
///
/// Indices count up for ever and are masked on access, so all `Capacity` places are usable. Each side keeps a
/// cached copy of the other side's index and reloads it only when the queue looks full (or empty): in the
/// steady state a push or a pop costs one release store and touches no line that the other side writes.
template <class T, std::size_t Capacity>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>, "elements cross threads by plain copy");
  static_assert(Capacity > 0 && (Capacity & (Capacity - 1)) == 0, "capacity must be a power of two");

 public:
  /// Producer only. False, and nothing stored, when the queue is full.
  bool try_push(const T& value) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_cache_ == Capacity) {
      tail_cache_ = tail_.load(std::memory_order_acquire);
      if (head - tail_cache_ == Capacity) return false;
    }
    items_[head & (Capacity - 1)] = value;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  /// Consumer only. False when the queue is empty.
  bool try_pop(T& value) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_cache_) {
      head_cache_ = head_.load(std::memory_order_acquire);
      if (tail == head_cache_) return false;
    }
    value = items_[tail & (Capacity - 1)];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  static constexpr std::size_t capacity() noexcept { return Capacity; }

 private:
  alignas(kCacheLine) std::atomic<std::uint64_t> head_{0};
  std::uint64_t tail_cache_ = 0;  // producer's
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_cache_ = 0;  // consumer's
  alignas(kCacheLine) std::array<T, Capacity> items_{};
};

}  // namespace motorium
