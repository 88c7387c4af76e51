#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace motorium {

/// Remembers replies that were given up and may still arrive. Servos do not number their replies: a late one
/// looks like the answer to the next request, unless its id or its length differs. Allocates only when made.
class OverdueReplies {
 public:
  /// Stands for any question; also used for a request that no older answer may satisfy.
  static constexpr std::uint32_t kNew = 0;

  /// Expects a late reply from servo `id`: `size` bytes of data that answer `question`, between the two
  /// times.
  void expect(std::uint8_t id, std::size_t size, std::uint32_t question, std::int64_t now_ns,
              std::int64_t until_ns) noexcept;
  /// Drops the expectation once such a reply has arrived, if only one was missing.
  void came(std::uint8_t id, std::size_t size) noexcept {
    if (!at(id, size).several) at(id, size).until_ns = 0;
  }
  /// Whether a reply of this shape may, at `now_ns`, answer another question than `question`.
  bool possible(std::uint8_t id, std::size_t size, std::uint32_t question,
                std::int64_t now_ns) const noexcept {
    return now_ns < newest_ns_ && at(id, size).pertains(question, now_ns);
  }
  /// As above, for a reply of any size.
  bool possible(std::uint8_t id, std::uint32_t question, std::int64_t now_ns) const noexcept;
  /// Whether any late reply may still arrive.
  bool any(std::int64_t now_ns) const noexcept { return now_ns < newest_ns_; }
  /// Returns when the last late reply can arrive; in the past when none can.
  std::int64_t newest_ns() const noexcept { return newest_ns_; }
  /// Returns when the last reply of this shape can arrive.
  std::int64_t until_ns(std::uint8_t id, std::size_t size) const noexcept { return at(id, size).until_ns; }

 private:
  struct Entry {
    std::int64_t until_ns = 0;
    std::uint32_t question = kNew;
    bool several = false;
    bool pertains(std::uint32_t asked, std::int64_t now_ns) const noexcept {
      return now_ns < until_ns && (asked == kNew || asked != question);
    }
  };
  // Sizes 16 apart share an entry, which only makes more replies doubtful.
  static constexpr std::size_t kIds = 256, kSizes = 16;

  Entry& at(std::uint8_t id, std::size_t size) const noexcept {
    return (*entries_)[id * kSizes + size % kSizes];
  }

  std::unique_ptr<std::array<Entry, kIds * kSizes>> entries_ =
      std::make_unique<std::array<Entry, kIds * kSizes>>();
  std::int64_t newest_ns_ = 0;
};

}  // namespace motorium
