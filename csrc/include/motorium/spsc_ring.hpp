#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "motorium/cache_line.hpp"

namespace motorium {

/// Wait-free queue between exactly one producer thread and one consumer thread.
///
/// Items are numbered from 0 without end (at 1e9 per second 64 bits last 584 years); item i is in place
/// i mod Capacity, so all places are usable. Every place has a stamp: i + 1 when item i is complete in it.
/// The consumer learns from the stamp that its item is there, the producer from the consumer's index `tail_`
/// that a place is free again. Nothing is ever allocated: the places are part of the object.
///
/// Why it is correct.
/// 1. An item is read whole. The producer writes the item, then stores the stamp i + 1 with release; the
///    consumer reads the item only after it loaded exactly i + 1 with acquire. Numbers never repeat, and the
///    stamp of item i + Capacity cannot be there yet (2.), so the load read from that very store, and the
///    write of the item happens before its read. A new ring has stamps 0, which no item has.
/// 2. A place is written again only after it was read. The consumer copies item i out, then stores
///    tail_ = i + 1 with release; the producer writes item i + Capacity only after it loaded a tail_ > i with
///    acquire. The copy happens before the next write.
/// 3. The producer's cached tail_ can only be too old, and tail_ only grows: an old one makes the queue look
///    fuller than it is, which costs one reload and never a wrong access.
/// So a push is one release store and, at most once per lap, one acquire load; a pop is one acquire load and
/// one release store. No operation loops or waits. Destroying the ring requires both threads to be joined, as
/// for any object.
///
/// Why it is fast. An item and its stamp travel in the same cache line: with a separate index each item would
/// cost a second line between the cores. Each side keeps its own number to itself, so neither waits for a
/// line that the other polls; and while there is room the producer never reads `tail_`.
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
    const std::uint64_t item = producer_.next;
    if (item - producer_.tail == Capacity) {
      producer_.tail = tail_.load(std::memory_order_acquire);
      if (item - producer_.tail == Capacity) return false;
    }
    Place& place = places_[item & (Capacity - 1)];
    place.value = value;
    place.stamp.store(item + 1, std::memory_order_release);
    producer_.next = item + 1;
    return true;
  }

  /// Consumer only. False, and `value` untouched, when the queue is empty.
  bool try_pop(T& value) noexcept {
    const std::uint64_t item = consumer_.next;
    const Place& place = places_[item & (Capacity - 1)];
    if (place.stamp.load(std::memory_order_acquire) != item + 1) return false;
    value = place.value;
    consumer_.next = item + 1;
    tail_.store(item + 1, std::memory_order_release);
    return true;
  }

  static constexpr std::size_t capacity() noexcept { return Capacity; }

 private:
  // No place starts in a line where another ends: the two sides are often at neighbouring places.
  static constexpr std::size_t kPlaceAlign = std::min<std::size_t>(64, std::bit_ceil(8 + sizeof(T)));
  struct alignas(kPlaceAlign) Place {
    std::atomic<std::uint64_t> stamp{0};
    T value{};
  };
  struct alignas(kCacheLine) Producer {
    std::uint64_t next = 0, tail = 0;  // `tail`: the consumer's index as last seen
  };
  struct alignas(kCacheLine) Consumer {
    std::uint64_t next = 0;
  };

  Producer producer_{};
  Consumer consumer_{};
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};  // items [0, tail_) have been read
  alignas(kCacheLine) std::array<Place, Capacity> places_{};
};

}  // namespace motorium
