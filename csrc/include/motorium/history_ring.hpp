#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "motorium/latest_slot.hpp"

namespace motorium {

/// Keeps the last `capacity` records of one writer, for any number of readers. The writer never waits and
/// overwrites the oldest record; a reader learns when a record has been overwritten, and never sees a torn
/// one.
template <class T>
class HistoryRing {
 public:
  /// Allocates all memory. `capacity` is rounded up to a power of two.
  explicit HistoryRing(std::size_t capacity) {
    std::size_t size = 2;
    while (size < capacity) size *= 2;
    mask_ = size - 1;
    slots_ = std::make_unique<Slot[]>(size);
  }

  /// Writer only; wait-free.
  void push(const T& value) noexcept {
    const std::uint64_t index = end_.load(std::memory_order_relaxed);
    slots_[index & mask_].store({index, value});
    end_.store(index + 1, std::memory_order_release);
  }

  /// Number of records ever pushed: valid indices are `[max(0, end - capacity), end)`.
  std::uint64_t end() const noexcept { return end_.load(std::memory_order_acquire); }
  std::size_t capacity() const noexcept { return mask_ + 1; }
  std::uint64_t begin() const noexcept {
    const std::uint64_t last = end();
    return last > capacity() ? last - capacity() : 0;
  }

  /// Returns the memory that the writer touches, to lock it in RAM.
  const void* memory() const noexcept { return slots_.get(); }
  std::size_t memory_bytes() const noexcept { return capacity() * sizeof(Slot); }

  /// Copies record `index`. False: not yet written, overwritten, or being overwritten.
  bool get(std::uint64_t index, T& value) const noexcept {
    Numbered entry;
    if (index >= end() || !slots_[index & mask_].try_load(entry) || entry.index != index) return false;
    value = entry.value;
    return true;
  }

 private:
  struct Numbered {
    std::uint64_t index;
    T value;
  };
  using Slot = SeqSlot<Numbered>;
  std::size_t mask_ = 0;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<std::uint64_t> end_{0};
};

}  // namespace motorium
