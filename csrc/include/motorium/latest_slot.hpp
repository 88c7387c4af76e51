#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "motorium/cache_line.hpp"

namespace motorium {

/// Copies a value word by word through relaxed atomics, guarded by a sequence number (seqlock).
///
/// After Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012): the words are
/// atomics, so a read that overlaps a write is no data race. One writer, any number of readers; the writer
/// never waits. The number is odd while a value is being written, and 2 n once the n-th is complete.
///
/// Why no torn value is accepted. Suppose a reader first saw the even number s, and loaded some word written
/// by a later write. That word was stored with release after the number s + 1 and loaded with acquire before
/// the second look at the number; so s + 1 happens before that look, which therefore finds more than s, and
/// the value is discarded. The other way round, the first look acquires what the store of s released: no word
/// is older than write s / 2. The words carry the order themselves instead of two fences because
/// ThreadSanitizer cannot follow fences; on x86-64 both cost nothing.
template <class T>
class SeqSlot {
  static_assert(std::is_trivially_copyable_v<T>, "values cross threads by plain copy");
  static constexpr std::size_t kWords = (sizeof(T) + 7) / 8, kWhole = sizeof(T) / 8, kStride = 4;

 public:
  /// Writer only.
  void store(const T& value) noexcept {
    const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);  // before every word: those are release stores
    const auto* bytes = reinterpret_cast<const unsigned char*>(&value);
    const auto put = [&](std::size_t i, std::size_t size) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + 8 * i, size);
      words_[i].store(word, std::memory_order_release);
    };
    // Unrolled by hand, because compilers do not unroll loops over atomics.
    for (std::size_t i = 0; i < kWhole - kWhole % kStride; i += kStride) {
      put(i, 8);
      put(i + 1, 8);
      put(i + 2, 8);
      put(i + 3, 8);
    }
    for (std::size_t i = kWhole - kWhole % kStride; i < kWhole; ++i) put(i, 8);
    if constexpr (kWords > kWhole) put(kWhole, sizeof(T) % 8);
    sequence_.store(sequence + 2, std::memory_order_release);
  }

  /// Makes one attempt. False when a write was in progress: `value` is then a mixture to be discarded.
  bool try_load(T& value) const noexcept {
    const std::uint64_t before = sequence_.load(std::memory_order_acquire);
    if (before & 1u) return false;
    auto* bytes = reinterpret_cast<unsigned char*>(&value);
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uint64_t word = words_[i].load(std::memory_order_acquire);
      std::memcpy(bytes + 8 * i, &word, i + 1 < kWords ? 8 : sizeof(T) - 8 * i);
    }
    return sequence_.load(std::memory_order_relaxed) == before;
  }

  std::uint64_t writes() const noexcept { return sequence_.load(std::memory_order_acquire) / 2; }

 private:
  std::atomic<std::uint64_t> sequence_{0};
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

/// Holds the newest value, never torn: one writer that never waits, readers that retry during a write.
template <class T>
class LatestSlot {
 public:
  /// Writer only; wait-free.
  void publish(const T& value) noexcept { slot_.store(value); }

  /// Returns the newest value; a default T before the first publish. Lock-free: retries only when a write
  /// overlapped.
  T read() const noexcept {
    T value;
    while (!slot_.try_load(value)) {
    }
    return value;
  }

  /// Makes one attempt, for a reader that must not wait. False when a write was in progress: `value` is then
  /// garbage.
  bool try_read(T& value) const noexcept { return slot_.try_load(value); }

  /// Returns how many values have been published.
  std::uint64_t version() const noexcept { return slot_.writes(); }

 private:
  SeqSlot<T> slot_;
};

/// Holds the newest value for one reader that must never retry: wait-free on both sides.
///
/// Three buffers: the writer fills one, the reader holds one, the third is in the middle. Publishing and
/// taking are one atomic exchange each. The three indices are always a permutation of 0, 1, 2, since an
/// exchange hands one over for another; so the two sides never hold the same buffer. An exchange releases
/// what its side did to the buffer it gives away and acquires what the other side did to the one it gets: the
/// reader sees the whole value, and the writer overwrites a buffer only after the reader has returned it.
template <class T>
class TripleBuffer {
 public:
  /// Writer only: the buffer to fill before `publish()`. Its old content is unspecified.
  T& write_slot() noexcept { return buffers_[write_]; }

  /// Writer only.
  void publish() noexcept { write_ = middle_.exchange(write_ | kFresh, std::memory_order_acq_rel) & kIndex; }

  /// Reader only: moves to the newest published value. False when there is none newer than `current()`.
  bool refresh() noexcept {
    if (!(middle_.load(std::memory_order_relaxed) & kFresh)) return false;
    read_ = middle_.exchange(read_, std::memory_order_acq_rel) & kIndex;
    return true;
  }

  /// Reader only.
  const T& current() const noexcept { return buffers_[read_]; }

 private:
  static constexpr unsigned kFresh = 4, kIndex = 3;
  std::array<T, 3> buffers_{};
  alignas(kCacheLine) std::atomic<unsigned> middle_{1};
  alignas(kCacheLine) unsigned write_ = 0;  // writer's
  alignas(kCacheLine) unsigned read_ = 2;   // reader's
};

}  // namespace motorium
