#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace motorium {

/// Shape of one ring of frames; fixed when it is formatted. A frame has height * width * channels bytes.
struct FrameShape {
  std::uint32_t height = 0, width = 0, channels = 0;
  std::uint32_t slots = 0;  ///< Frames kept; a reader has slots - 1 frame periods to copy the newest one.

  friend bool operator==(const FrameShape&, const FrameShape&) = default;
};

/// Capture time of a frame, and its number since the ring was formatted, from 1.
struct FrameStamp {
  std::int64_t t_ns = 0;
  std::uint64_t number = 0;
};

enum class FrameStatus : std::uint8_t {
  ok,
  empty,          ///< No frame has been published.
  busy,           ///< The writer overtook every attempt, or the memory is damaged.
  misaligned,     ///< The memory does not start at a multiple of 64 bytes.
  bad_shape,      ///< A size is zero or beyond its limit.
  truncated,      ///< The memory is smaller than the shape needs, or than a header.
  foreign,        ///< Not a ring of frames in this byte order.
  other_version,  ///< A ring with another layout.
  wrong_size,     ///< The frame or its destination is not height * width * channels bytes.
};

namespace frames {

inline constexpr std::uint32_t kMagic = 0x4652544D;  // "MTRF" on a little-endian machine
inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::uint32_t kMaxSide = 16384, kMaxChannels = 4, kMinSlots = 2, kMaxSlots = 64;
inline constexpr std::size_t kAlign = 64;

/// Start of the memory. Written once, before any other process gets the ring.
struct Header {
  std::uint32_t magic, version;
  FrameShape shape;
  std::uint32_t reserved[10];
  std::uint64_t latest;  ///< Number of the newest complete frame; atomic; alone on its line.
  std::uint64_t rest[7];
};
static_assert(sizeof(Header) == 128 && offsetof(Header, latest) == 64);

/// Before the bytes of each slot.
struct SlotHeader {
  std::uint64_t stamp;  ///< 2 n - 1 while frame n is being written, 2 n when complete; atomic.
  std::uint64_t t_ns;   ///< Atomic.
  std::uint64_t rest[6];
};
static_assert(sizeof(SlotHeader) == kAlign);

constexpr bool well_formed(const FrameShape& s) noexcept {
  return s.height >= 1 && s.height <= kMaxSide && s.width >= 1 && s.width <= kMaxSide && s.channels >= 1 &&
         s.channels <= kMaxChannels && s.slots >= kMinSlots && s.slots <= kMaxSlots;
}

// With the limits above nothing below can overflow: at most 2^14 * 2^14 * 4 * 64 = 2^36 bytes.
constexpr std::uint64_t frame_bytes(const FrameShape& s) noexcept {
  return std::uint64_t{s.height} * s.width * s.channels;
}
constexpr std::uint64_t stride(const FrameShape& s) noexcept {
  return sizeof(SlotHeader) + (frame_bytes(s) + kAlign - 1) / kAlign * kAlign;
}
constexpr std::uint64_t total_bytes(const FrameShape& s) noexcept {
  return sizeof(Header) + s.slots * stride(s);
}

using Word = std::atomic_ref<std::uint64_t>;
static_assert(Word::is_always_lock_free, "a lock would not work across processes");

/// Locations in one mapped ring. Has its own copy of the shape, so that no later change of the memory can
/// mislead it.
struct Places {
  unsigned char* base = nullptr;
  FrameShape shape{};

  std::uint64_t& latest() const noexcept { return reinterpret_cast<Header*>(base)->latest; }
  SlotHeader& slot(std::uint64_t number) const noexcept {
    return *reinterpret_cast<SlotHeader*>(base + sizeof(Header) + number % shape.slots * stride(shape));
  }
  std::uint64_t* words(std::uint64_t number) const noexcept {
    return reinterpret_cast<std::uint64_t*>(&slot(number) + 1);
  }
};

/// Checks an untrusted ring in `memory` and finds its parts.
inline FrameStatus find(std::span<unsigned char> memory, Places& places) noexcept {
  if (reinterpret_cast<std::uintptr_t>(memory.data()) % kAlign != 0) return FrameStatus::misaligned;
  if (memory.size() < sizeof(Header)) return FrameStatus::truncated;
  Header header{};
  std::memcpy(static_cast<void*>(&header), memory.data(),
              offsetof(Header, latest));  // one copy, checked and used
  if (header.magic != kMagic) return FrameStatus::foreign;
  if (header.version != kVersion) return FrameStatus::other_version;
  if (!well_formed(header.shape)) return FrameStatus::bad_shape;
  if (memory.size() < total_bytes(header.shape)) return FrameStatus::truncated;
  places = {memory.data(), header.shape};
  return FrameStatus::ok;
}

}  // namespace frames

/// Writes a ring of camera frames in memory that other processes also map. One thread of one process.
///
/// There is a sequence lock per slot, and a ring of slots, so that the writer is rarely in the slot being
/// read. The stamp of a slot holds the number of its frame, so a reader never takes an overwritten slot for
/// the one it wants. All words are lock-free atomics, which are address-free and so work across processes
/// (C++20 [atomics.lockfree]).
///
/// Why no torn frame is accepted (Boehm, MSPC 2012, with fences). The writer stores the odd stamp, then a
/// release fence, then the words, then the even stamp with release, then `latest` with release. The reader
/// loads `latest` and the stamp with acquire, the words, then an acquire fence, and the stamp again. If one
/// of its words came from a later write, the two fences synchronise through that word, so the second look
/// finds the odd stamp of that write or more, and the copy is discarded. If none did, the first look has made
/// every word of frame n visible.
///
/// A writer that dies in the middle of a frame leaves an odd stamp in a slot that `latest` does not name:
/// readers keep the last complete frame, and a new writer may `resume`.
class FrameWriter {
 public:
  /// Formats `memory` as an empty ring of `shape`. Its content is lost.
  FrameStatus format(std::span<unsigned char> memory, const FrameShape& shape) noexcept {
    if (!frames::well_formed(shape)) return FrameStatus::bad_shape;
    if (reinterpret_cast<std::uintptr_t>(memory.data()) % frames::kAlign != 0) return FrameStatus::misaligned;
    if (memory.size() < frames::total_bytes(shape)) return FrameStatus::truncated;
    const frames::Header header{frames::kMagic, frames::kVersion, shape, {}, 0, {}};
    std::memcpy(memory.data(), &header, sizeof header);
    places_ = {memory.data(), shape};
    for (std::uint32_t i = 0; i < shape.slots; ++i) places_.slot(i) = frames::SlotHeader{};
    number_ = 0;
    return FrameStatus::ok;
  }

  /// Takes over a ring whose writer has died.
  FrameStatus resume(std::span<unsigned char> memory) noexcept {
    const FrameStatus status = frames::find(memory, places_);
    if (status == FrameStatus::ok) number_ = frames::Word(places_.latest()).load(std::memory_order_acquire);
    return status;
  }

  /// Publishes one frame captured at `t_ns`; its number is then `number()`. Never waits.
  FrameStatus write(std::span<const unsigned char> frame, std::int64_t t_ns) noexcept {
    if (places_.base == nullptr || frame.size() != frames::frame_bytes(places_.shape))
      return FrameStatus::wrong_size;
    const std::uint64_t number = number_ + 1;
    frames::SlotHeader& slot = places_.slot(number);
    frames::Word(slot.stamp).store(2 * number - 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    frames::Word(slot.t_ns).store(static_cast<std::uint64_t>(t_ns), std::memory_order_relaxed);
    std::uint64_t* words = places_.words(number);
    for (std::size_t done = 0; done < frame.size(); done += 8, ++words) {
      std::uint64_t word = 0;
      std::memcpy(&word, frame.data() + done, std::min<std::size_t>(8, frame.size() - done));
      frames::Word(*words).store(word, std::memory_order_relaxed);
    }
    frames::Word(slot.stamp).store(2 * number, std::memory_order_release);
    frames::Word(places_.latest()).store(number, std::memory_order_release);
    number_ = number;
    return FrameStatus::ok;
  }

  std::uint64_t number() const noexcept { return number_; }
  const FrameShape& shape() const noexcept { return places_.shape; }

 private:
  frames::Places places_{};
  std::uint64_t number_ = 0;
};

/// Reads a ring; any number of readers, in any process, without write access.
class FrameReader {
 public:
  /// Checks the untrusted content of `memory`. Call before anything else. The memory may be mapped read-only:
  /// it is never written, but std::atomic_ref has no const form before C++26.
  FrameStatus attach(std::span<unsigned char> memory) noexcept { return frames::find(memory, places_); }

  /// Copies the newest complete frame to `out`. Bounded: returns `busy` after 1000 attempts that the writer
  /// overtook; then, as after every other error, the content of `out` is unspecified.
  FrameStatus read(std::span<unsigned char> out, FrameStamp& stamp) const noexcept {
    if (places_.base == nullptr || out.size() != frames::frame_bytes(places_.shape))
      return FrameStatus::wrong_size;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const std::uint64_t number = frames::Word(places_.latest()).load(std::memory_order_acquire);
      if (number == 0) return FrameStatus::empty;
      if (try_read(number, out, stamp)) return FrameStatus::ok;
    }
    return FrameStatus::busy;
  }

  /// Returns the number of the newest frame; 0 before the first.
  std::uint64_t latest() const noexcept {
    return frames::Word(places_.latest()).load(std::memory_order_acquire);
  }
  const FrameShape& shape() const noexcept { return places_.shape; }

 private:
  static constexpr int kAttempts = 1000;

  bool try_read(std::uint64_t number, std::span<unsigned char> out, FrameStamp& stamp) const noexcept {
    frames::SlotHeader& slot = places_.slot(number);
    if (frames::Word(slot.stamp).load(std::memory_order_acquire) != 2 * number) return false;
    const std::uint64_t t_ns = frames::Word(slot.t_ns).load(std::memory_order_relaxed);
    std::uint64_t* words = places_.words(number);
    for (std::size_t done = 0; done < out.size(); done += 8, ++words) {
      const std::uint64_t word = frames::Word(*words).load(std::memory_order_relaxed);
      std::memcpy(out.data() + done, &word, std::min<std::size_t>(8, out.size() - done));
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (frames::Word(slot.stamp).load(std::memory_order_relaxed) != 2 * number) return false;
    stamp = {static_cast<std::int64_t>(t_ns), number};
    return true;
  }

  frames::Places places_{};
};

}  // namespace motorium
