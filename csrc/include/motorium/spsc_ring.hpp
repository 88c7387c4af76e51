#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "motorium/cache_line.hpp"

namespace motorium {

/// Wait-free queue between exactly one producer thread and one consumer thread.
///
/// Indices count up for ever and are masked on access, so all `Capacity` places are usable and full and empty
/// cannot be confused (at 1e9 items per second 64 bits last 584 years). Nothing is allocated, ever: the
/// places are part of the object.
///
/// Why it is right. Two indices, each written by one side only:
///   head_  (producer's): items [0, head_) have been written.
///   tail_  (consumer's): items [0, tail_) have been read.
/// 1. An item is read whole. The producer writes place h, then stores head_ = h + 1 with release; the
/// consumer
///    reads the place only after it loaded a head_ > h with acquire. The load reads from that store or a
///    later one of the same thread, so the write of the place happens before its read.
/// 2. A place is written again only after it was read. The consumer copies place t out, then stores
///    tail_ = t + 1 with release; the producer writes item t + Capacity (the same place) only after it loaded
///    a tail_ > t with acquire. The copy happens before the next write.
/// 3. A cached index is only ever too old, and an index only grows: an old tail_ makes the queue look fuller,
/// an
///    old head_ emptier than it is. Either costs one reload and never a wrong access. Each side reads its own
///    index relaxed: it wrote it itself.
/// So one acquire (only when the cached index does not suffice) and one release per operation are enough, and
/// no operation loops or waits. Destroying the ring needs both threads joined, as for any object.
///
/// Why it is quick. In the steady state neither side loads what the other writes except the items themselves:
/// a reload of the opposite index fetches a whole batch of items or of room. Each index shares a line with
/// the cached copy that the same side uses, and with nothing of the other side.
template <class T, std::size_t Capacity>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>, "elements cross threads by plain copy");
  static_assert(Capacity > 0 && (Capacity & (Capacity - 1)) == 0, "capacity must be a power of two");
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "wait-free needs 64-bit atomics");

 public:
  SpscRing() = default;
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

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

  /// Consumer only. False, and `value` untouched, when the queue is empty.
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

  /// Items waiting: exact for a caller that is one of the two sides while the other rests, a snapshot
  /// otherwise.
  std::size_t size() const noexcept {
    const std::uint64_t tail =
        tail_.load(std::memory_order_acquire);  // first: head_ can only have grown since
    return static_cast<std::size_t>(head_.load(std::memory_order_acquire) - tail);
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
